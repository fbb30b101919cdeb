import type { GrantHistory } from '../../grants/grant-timeline.js';
import { grantPath, userPath } from '../paths.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Card, StatusBadge } from '../views/parts.js';
import { Pager } from '../views/table.js';
import { GrantFacts, nameOf } from './grant-card.js';
import { Timeline } from './timeline.js';

interface GrantPageFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly id: string;
  readonly history: GrantHistory;
  /** Older events. */
  readonly next: string | null;
}

/** One grant with its whole timeline; of one that was disconnected, what the audit trail still has. */
export function grantPage({ person, now, id, history, next }: GrantPageFacts): string {
  const { grant, events } = history;
  const last = events.at(-1);
  const userId = grant?.userId ?? (last?.kind === 'audit' ? last.event.userId : null);
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title={grant ? nameOf(grant) : 'A grant that was disconnected'}
      lead={
        <>
          {userId === null ? null : <a href={userPath(userId)}>User {userId}</a>}
          <code>{id}</code>
        </>
      }
      actions={
        grant ? (
          <a class="button" href={`${grantPath(id)}/disconnect`}>
            Disconnect…
          </a>
        ) : undefined
      }
    >
      <div class="stack">
        {grant ? (
          <Card title="Grant" note={<StatusBadge status={grant.status} />}>
            <GrantFacts grant={grant} history={history} now={now} />
          </Card>
        ) : null}
        <Card
          title="Timeline"
          note="Without tokens that were issued and refreshes that went well, but for the last one"
        >
          <Timeline events={events} now={now} />
          <Pager next={next} />
        </Card>
      </div>
    </Layout>,
  );
}
