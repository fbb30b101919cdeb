import { type Grant, GRANT_STATUSES } from '../../domain/grant/grant.js';
import { grantPath, userPath } from '../paths.js';
import { optionsOf, SearchForm, SelectField } from '../views/fields.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Card, StatusBadge, Time } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

interface GrantListFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly status: Grant['status'] | null;
  readonly client: string | null;
  /** Of the settings. */
  readonly clients: readonly string[];
  readonly grants: readonly Grant[];
  readonly next: string | null;
}

/** Grants of all users, and who must act where one gives no tokens. */
export function grantListPage({
  person,
  now,
  status,
  client,
  clients,
  grants,
  next,
}: GrantListFacts): string {
  const known = client === null || clients.includes(client) ? clients : [...clients, client];
  return renderConsole(
    <Layout
      person={person}
      at="/console/grants"
      title="Grants"
      lead="What users allowed, account by account, and who must act where one gives no tokens"
    >
      <SearchForm action="/console/grants">
        <SelectField
          name="status"
          label="Status"
          any="Every status"
          value={status}
          options={optionsOf(GRANT_STATUSES)}
        />
        <SelectField
          name="client"
          label="Google client"
          any="Every client"
          value={client}
          options={known.map((alias) => ({ value: alias, name: alias }))}
        />
      </SearchForm>
      <Card title="Grants found" note="The newest first">
        <Table
          caption="Grants"
          columns={[
            {
              name: 'Account',
              cell: ({ id, account }) => <a href={grantPath(id)}>{account.email ?? account.sub}</a>,
            },
            { name: 'Status', cell: ({ status: own }) => <StatusBadge status={own} /> },
            { name: 'User', cell: ({ userId }) => <a href={userPath(userId)}>{userId}</a> },
            { name: 'Client', cell: ({ client: own }) => <code>{own}</code> },
            { name: 'Who must act', cell: (grant) => <WhoMustAct grant={grant} /> },
            { name: 'Connected', cell: ({ createdAt }) => <Time at={createdAt} now={now} /> },
          ]}
          rows={grants}
          empty={
            status === null && client === null
              ? 'No user has connected an account yet.'
              : 'There are no such grants on this page.'
          }
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}

function WhoMustAct({ grant: { diagnosis } }: { readonly grant: Grant }) {
  if (diagnosis === null) return <>–</>;
  return (
    <>
      {diagnosis.who_must_act.replaceAll('_', ' ')}
      <div class="soft small">{diagnosis.cause.replaceAll('_', ' ')}</div>
    </>
  );
}
