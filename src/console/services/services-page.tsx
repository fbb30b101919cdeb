import { RIGHTS } from '../../domain/access/policy.js';
import type { ServiceUsage } from '../../token-store/services/service-usage.repository.js';
import type { ListedService } from '../../token-store/services/services.repository.js';
import { pathWith } from '../paths.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time, whole } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

type Row = ListedService & {
  /** Null: no call within 31 days. */
  readonly usage: ServiceUsage | null;
  /** Delegated credentials that can be used. */
  readonly credentials: number;
};

/** Delegated credentials of each service are counted no further. */
export const COUNTED_CREDENTIALS = 200;

interface ServicesFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly services: readonly Row[];
  readonly next: string | null;
}

/** Services, what each may do, and how much it calls. */
export function servicesPage({ person, now, services, next }: ServicesFacts): string {
  return renderConsole(
    <Layout
      person={person}
      at="/console/services"
      title="Services"
      lead="Those that may ask this broker for tokens. The command line makes and revokes them"
    >
      {services.every(({ isVerified }) => isVerified) ? null : (
        <Notice tone="bad">
          A row is not as the broker wrote it, so the service is refused. Revoke it with{' '}
          <code>token-broker service revoke</code>.
        </Notice>
      )}
      <Card title="Services" note="The oldest first. Calls are counted by the hour">
        <Table
          caption="Services and their policies"
          columns={[
            {
              name: 'Service',
              cell: ({ id, name }) => (
                <>
                  {name}
                  <div class="soft small">
                    <code>{id}</code>
                  </div>
                </>
              ),
            },
            { name: 'State', cell: (service) => <State service={service} now={now} /> },
            {
              name: 'Last call',
              cell: ({ usage }) =>
                usage ? (
                  <>
                    <Time at={usage.lastUsedAt} now={now} />
                    <div class="soft small">{whole(usage.callsOfDay)} in 24 h</div>
                  </>
                ) : (
                  <span class="soft">not in 31 days</span>
                ),
            },
            { name: 'Key', cell: (service) => <Key service={service} now={now} /> },
            {
              name: 'Credentials',
              isNumber: true,
              cell: ({ id, name, credentials }) => (
                <a href={pathWith('/console/credentials', { service: id })}>
                  {whole(credentials)}
                  {credentials < COUNTED_CREDENTIALS ? '' : ' or more'}
                  <span class="hidden"> of {name}</span>
                </a>
              ),
            },
            { name: 'Policy', cell: (service) => <PolicyFacts service={service} /> },
          ]}
          rows={services}
          empty="There are no services. Make one with token-broker service create."
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}

function State({ service: { revokedAt, isVerified }, now }: { readonly service: Row; readonly now: Date }) {
  if (!isVerified) return <Badge tone="bad">not verified</Badge>;
  if (revokedAt === null) return <Badge tone="good">active</Badge>;
  return (
    <>
      <Badge>revoked</Badge>
      <div class="soft small">
        <Time at={revokedAt} now={now} />
      </div>
    </>
  );
}

/** How it proves who it is. The broker stores only a hash of the key. */
function Key({ service: { credential, createdAt }, now }: { readonly service: Row; readonly now: Date }) {
  if (credential.kind === 'key') {
    return (
      <>
        made <Time at={createdAt} now={now} />
      </>
    );
  }
  return (
    <span class="account">
      {credential.subject} <span class="soft">of {credential.issuer}</span>
    </span>
  );
}

function PolicyFacts({ service: { name, policy } }: { readonly service: Row }) {
  const rights = RIGHTS.filter((right) => policy[right]);
  return (
    <details>
      <summary>
        Show<span class="hidden"> the policy of {name}</span>
      </summary>
      <dl>
        <dt class="soft">Users</dt>
        <dd>{inWords(policy.users)}</dd>
        <dt class="soft">Clients</dt>
        <dd>{inWords(policy.clients)}</dd>
        <dt class="soft">Scopes</dt>
        <dd class="account">{inWords(policy.scopes)}</dd>
        <dt class="soft">Also</dt>
        <dd>{rights.length === 0 ? 'nothing else' : rights.join(', ')}</dd>
      </dl>
    </details>
  );
}

function inWords(rules: readonly string[]): string {
  return rules.includes('*') ? 'all' : rules.join(' ');
}
