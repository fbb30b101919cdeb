import { AUDIT_ACTIONS } from '../../domain/audit-entry.js';
import type { AuditEvent } from '../../token-store/audit/audit-events.repository.js';
import { grantPath, userPath } from '../paths.js';
import { Details } from '../views/details.js';
import { optionsOf, SearchForm, SelectField, TextField } from '../views/fields.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Badge, Card, Moment, whole } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

export type ShownFilter = Readonly<Record<'user' | 'service' | 'action' | 'since' | 'until', string | null>>;

interface AuditPageFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly filter: ShownFilter;
  readonly events: readonly AuditEvent[];
  /** The same filter as CSV. */
  readonly csv: string;
  readonly next: string | null;
}

/** Outcomes of what went well. */
const GOOD: ReadonlySet<string> = new Set(['ok', 'held']);

/** Who did what, for whom, with what outcome. */
export function auditPage({ person, now, filter, events, csv, next }: AuditPageFacts): string {
  return renderConsole(
    <Layout
      person={person}
      at="/console/audit"
      title="Audit"
      lead="Who did what, for whom, with what outcome"
      actions={
        <a class="button" href={csv}>
          Download CSV
        </a>
      }
    >
      <SearchForm action="/console/audit">
        <TextField name="user" label="User" value={filter.user} placeholder="Whole id" />
        <TextField name="service" label="Service" value={filter.service} placeholder="Name or id" />
        <SelectField
          name="action"
          label="Action"
          any="Every action"
          value={filter.action}
          options={optionsOf(AUDIT_ACTIONS)}
        />
        <TextField name="since" label="From (UTC)" value={filter.since} placeholder="2026-11-21" />
        <TextField name="until" label="Before (UTC)" value={filter.until} placeholder="2026-11-21" />
      </SearchForm>
      <Card title="Events" note="The newest first">
        <Table
          caption="Audit events"
          columns={[
            { name: 'When (UTC)', cell: ({ at }) => <Moment at={at} now={now} /> },
            {
              name: 'What',
              isWide: true,
              cell: ({ action, count, details }) => (
                <>
                  <code>{action}</code>
                  {count > 1 ? <span class="soft"> {whole(count)} times</span> : null}
                  <Details details={details} />
                </>
              ),
            },
            {
              name: 'Outcome',
              cell: ({ outcome }) => (
                <Badge tone={GOOD.has(outcome) ? 'good' : 'warn'}>{outcome.replaceAll('_', ' ')}</Badge>
              ),
            },
            { name: 'Who', cell: ({ actor }) => actor },
            { name: 'For', cell: (event) => <Subject event={event} /> },
          ]}
          rows={events}
          empty="There are no such events on this page."
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}

/** The user, the client and the grant of an event, as far as it has them. */
function Subject({ event: { userId, client, grantId } }: { readonly event: AuditEvent }) {
  if (userId === null && client === null && grantId === null) return <>–</>;
  return (
    <>
      {userId === null ? null : <a href={userPath(userId)}>{userId}</a>}
      <div class="soft small">
        {client === null ? null : <code>{client}</code>}
        {grantId === null ? null : (
          <>
            {' '}
            <a href={grantPath(grantId)}>
              grant<span class="hidden"> {grantId}</span>
            </a>
          </>
        )}
      </div>
    </>
  );
}
