import { UNCONFIRMED_REVOCATION } from '../../domain/google/oauth-failures.js';
import {
  ENDED_GRANT_OUTCOMES,
  NOT_ASKED_REASONS,
  type NotAskedReason,
} from '../../domain/grant/ended-grant.js';
import type { GrantHistory } from '../../grants/grant-timeline.js';
import { linkPath, pathWith, userPath } from '../paths.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Notice } from '../views/parts.js';
import { Pager } from '../views/table.js';
import { GrantCard } from './grant-card.js';

interface UserFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly userId: string;
  readonly histories: readonly GrantHistory[];
  readonly next: string | null;
  /** What was just done, as the path says. */
  readonly done: string | null;
}

type Done = { readonly tone: 'good' | 'warn'; readonly text: string };

function kept(reason: NotAskedReason): Done {
  return {
    tone: 'warn',
    text: `The grant was ${ENDED_GRANT_OUTCOMES.kept.meaning}: ${NOT_ASKED_REASONS[reason]}.`,
  };
}

/** By the outcome of a disconnect (grants/end-grants.ts), of one that stays by its reason, or of an offboarding. */
const DONE: Readonly<Record<string, Done>> = {
  revoked: { tone: 'good', text: `The grant was ${ENDED_GRANT_OUTCOMES.revoked.meaning}.` },
  revoking: { tone: 'warn', text: `${UNCONFIRMED_REVOCATION.meaning} ${UNCONFIRMED_REVOCATION.remedy}` },
  deleted: { tone: 'good', text: `The grant was ${ENDED_GRANT_OUTCOMES.deleted.meaning}.` },
  client_unknown: kept('client_unknown'),
  integrity_failed: kept('integrity_failed'),
  offboarded: { tone: 'good', text: 'The broker holds nothing for this user any more.' },
  incomplete: { tone: 'warn', text: 'Not everything is ended yet. Offboard the user again in a while.' },
};

/** A user: every grant with its state, slots and timeline, and what can be done. */
export function userPage({ person, now, userId, histories, next, done }: UserFacts): string {
  // The address says it: `constructor` is what every object inherits.
  const notice = done !== null && Object.hasOwn(DONE, done) ? DONE[done] : undefined;
  const own = userPath(userId);
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title={userId}
      lead={
        <>
          <a href={pathWith('/console/audit', { user: userId })}>Audit trail</a>
          <a href={pathWith('/console/credentials', { user: userId })}>Delegated credentials</a>
        </>
      }
      actions={
        <div class="actions">
          {person.role === 'operator' ? (
            <a class="button" href={linkPath(userId)}>
              Link to connect
            </a>
          ) : null}
          <a class="button" href={`${own}/offboard`}>
            Offboard…
          </a>
        </div>
      }
    >
      {notice === undefined ? null : <Notice tone={notice.tone}>{notice.text}</Notice>}
      <div class="stack">
        {histories.length === 0 ? (
          <p class="empty">
            The broker holds no grant of this user. The audit trail may know of earlier ones.
          </p>
        ) : null}
        {histories.map((history) => (
          <GrantCard person={person} history={history} now={now} />
        ))}
      </div>
      <Pager next={next} />
    </Layout>,
  );
}
