import type { ListedCredential } from '../../token-store/services/delegated-credentials.repository.js';
import { userPath } from '../paths.js';
import { SearchForm, TextField } from '../views/fields.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

type Row = ListedCredential & {
  /** The name of its service. */
  readonly service: string;
};

interface CredentialsFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly service: string | null;
  readonly user: string | null;
  readonly credentials: readonly Row[];
  readonly next: string | null;
  readonly done: string | null;
}

/** Delegated credentials, of a service or for a user. */
export function credentialsPage(facts: CredentialsFacts): string {
  const { person, now, service, user, credentials, next, done } = facts;
  return renderConsole(
    <Layout
      person={person}
      at="/console/services"
      title="Delegated credentials"
      lead="Handles for one user's tokens. Those that ended are listed for 30 days"
    >
      {done === 'revoked' ? (
        <Notice tone="good">The credential is revoked. Its holder gets no more tokens.</Notice>
      ) : null}
      {done === 'revoked_before' ? (
        <Notice tone="warn">The credential was revoked before. Nothing was changed.</Notice>
      ) : null}
      <SearchForm action="/console/credentials">
        <TextField name="service" label="Service" value={service} placeholder="Name or id" />
        <TextField name="user" label="User" value={user} placeholder="Whole id" />
      </SearchForm>
      <Card title="Credentials" note="The newest first">
        <Table
          caption="Delegated credentials"
          columns={[
            { name: 'Credential', cell: ({ id }) => <code>{id}</code> },
            { name: 'State', cell: (credential) => <State credential={credential} now={now} /> },
            { name: 'Service', cell: (credential) => credential.service },
            {
              name: 'For',
              cell: ({ userId, client }) => (
                <>
                  <a href={userPath(userId)}>{userId}</a>
                  <div class="soft small">
                    {client === null ? (
                      'any client'
                    ) : (
                      <>
                        with <code>{client}</code>
                      </>
                    )}
                  </div>
                </>
              ),
            },
            {
              name: 'Last used',
              cell: ({ lastUsedAt }) => (lastUsedAt ? <Time at={lastUsedAt} now={now} /> : 'never'),
            },
            { name: 'Expires', cell: ({ expiresAt }) => <Time at={expiresAt} now={now} /> },
            ...(person.role === 'operator'
              ? [
                  {
                    name: 'Revoke',
                    cell: (credential: Row) =>
                      credential.revokedAt && credential.isVerified ? (
                        ''
                      ) : (
                        <Form
                          person={person}
                          action={`/console/credentials/${encodeURIComponent(credential.id)}/revoke`}
                        >
                          <button class="link">
                            Revoke<span class="hidden"> the credential {credential.id}</span>
                          </button>
                        </Form>
                      ),
                  },
                ]
              : []),
          ]}
          rows={credentials}
          empty="There are no such credentials."
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}

function State({ credential, now }: { readonly credential: Row; readonly now: Date }) {
  if (!credential.isVerified) return <Badge tone="bad">not verified</Badge>;
  if (credential.revokedAt) return <Badge>revoked</Badge>;
  return credential.expiresAt <= now ? <Badge>expired</Badge> : <Badge tone="good">active</Badge>;
}
