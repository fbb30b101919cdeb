/** The tables of the overview about grants: by client and status, by what ended them, and the accounts with the fewest free slots. */
import { DEAD_GRANTS, type DeadGrantCause } from '../../domain/google/dead-grants.js';
import type { CountPart, GrantsSnapshot } from '../../token-store/console/overview.repository.js';
import { pathWith } from '../paths.js';
import { Badge, Card, Gauge, StatusBadge, whole } from '../views/parts.js';
import { Table } from '../views/table.js';

interface GrantsProps {
  readonly grants: GrantsSnapshot;
  readonly slotLimit: number;
}

export function Grants({ grants, slotLimit }: GrantsProps) {
  return (
    <>
      <Card title="Why grants give no tokens" note="Suspended, or the user must connect again">
        <ByCause grants={grants} />
      </Card>
      <Card title="Fullest accounts" note={`Google keeps ${slotLimit} refresh tokens an account and client`}>
        <Fullest grants={grants} slotLimit={slotLimit} />
      </Card>
    </>
  );
}

export function GrantsByClient({ grants }: { readonly grants: GrantsSnapshot }) {
  return (
    <Card title="Grants by client" width="half" note="Expiring within 30 days">
      <ByClient grants={grants} />
    </Card>
  );
}

function ByClient({ grants }: { readonly grants: GrantsSnapshot }) {
  const { byStatus = [], expiring } = grants;
  const rows = byStatus.map((row) => ({
    ...row,
    month:
      row.status === 'active' && expiring
        ? (expiring.find(({ client }) => client === row.client)?.month ?? 0)
        : null,
  }));
  return (
    <Table
      caption="Grants by client and status"
      columns={[
        { name: 'Client', cell: ({ client }) => <code>{client}</code> },
        { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
        {
          name: 'Grants',
          isNumber: true,
          cell: ({ client, status, count }) => (
            <a href={pathWith('/console/grants', { status, client })}>{whole(count)}</a>
          ),
        },
        {
          name: 'Expiring',
          isNumber: true,
          cell: ({ month }) => (month === null ? '' : whole(month)),
        },
      ]}
      rows={rows}
      empty={emptyOf(grants, 'status', 'No account is connected yet.')}
    />
  );
}

const WHO: Readonly<Record<string, string>> = {
  user: 'user',
  operator: 'operator',
  workspace_admin: 'Workspace admin',
};

function ByCause({ grants }: { readonly grants: GrantsSnapshot }) {
  const { dead = [] } = grants;
  return (
    <Table
      caption="Suspended and dead grants by cause"
      columns={[
        {
          name: 'Cause',
          cell: ({ cause }) => (
            <>
              {cause?.replaceAll('_', ' ') ?? 'unknown'}
              {meaningOf(cause)}
            </>
          ),
        },
        {
          name: 'Who must act',
          cell: ({ whoMustAct }) =>
            whoMustAct === null ? (
              '–'
            ) : (
              <Badge tone={whoMustAct === 'operator' ? 'bad' : 'plain'}>
                {WHO[whoMustAct] ?? whoMustAct}
              </Badge>
            ),
        },
        { name: 'Grants', isNumber: true, cell: ({ count }) => whole(count) },
      ]}
      rows={dead}
      empty={emptyOf(grants, 'cause', 'Every grant gives tokens.')}
    />
  );
}

/** What the table of Google's failures says about it. */
function meaningOf(cause: string | null) {
  if (cause === null || !(cause in DEAD_GRANTS)) return null;
  return <div class="meaning soft small">{DEAD_GRANTS[cause as DeadGrantCause].meaning}</div>;
}

function Fullest({ grants, slotLimit }: GrantsProps) {
  const { fullest = [] } = grants;
  return (
    <Table
      caption="The accounts that hold most refresh tokens"
      columns={[
        {
          name: 'Account',
          cell: ({ email, accountSub }) => <span class="account">{email ?? accountSub}</span>,
        },
        { name: 'Client', cell: ({ client }) => <code>{client}</code> },
        {
          name: 'Slots',
          cell: ({ email, accountSub, used }) => (
            <Gauge name={`Slots of ${email ?? accountSub}`} used={used} limit={slotLimit} />
          ),
        },
      ]}
      rows={fullest}
      empty={emptyOf(grants, 'accounts', 'No refresh token is held.')}
    />
  );
}

/** Why a table has no rows. */
function emptyOf({ missing = [] }: GrantsSnapshot, part: CountPart, text: string): string {
  return missing.includes(part) ? 'This could not be counted.' : text;
}
