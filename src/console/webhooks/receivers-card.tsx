/** The webhooks themselves: who gets which events, and since when one fails. Owns no act (webhooks/webhook-registry.ts). */
import type { StoredWebhook } from '../../token-store/outbox/webhooks.repository.js';
import { Form, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time } from '../views/parts.js';
import { Table } from '../views/table.js';

export interface ListedWebhook extends StoredWebhook {
  readonly isVerified: boolean;
  /** The names of its services. */
  readonly serviceNames: readonly string[];
}

interface Facts {
  readonly person: Viewer;
  readonly now: Date;
  readonly webhooks: readonly ListedWebhook[];
}

export const receiverPath = (id: string, act: 'test' | 'enable' | 'disable'): string =>
  `/console/webhooks/receivers/${encodeURIComponent(id)}/${act}`;

export function ReceiversCard({ person, now, webhooks }: Facts) {
  return (
    <Card title="Receivers" note="Created by token-broker webhook create, or token-broker apply">
      {webhooks.some(({ disabledReason }) => disabledReason === 'failing') ? (
        <Notice tone="bad">A webhook is disabled, since it accepted nothing for days.</Notice>
      ) : null}
      <Table
        caption="Receivers"
        columns={[
          {
            name: 'Webhook',
            // Of the address only its origin: its path can hold a token.
            cell: ({ name, url }) => (
              <>
                {name}
                <div class="soft small">{originOf(url)}</div>
              </>
            ),
          },
          { name: 'State', cell: (webhook) => <State webhook={webhook} now={now} /> },
          { name: 'Events', cell: ({ events }) => (events.length === 0 ? 'all' : events.join(', ')) },
          {
            name: 'Services',
            cell: ({ serviceNames }) => (serviceNames.length === 0 ? 'all' : serviceNames.join(', ')),
          },
          {
            name: 'Accepts nothing since',
            cell: ({ failingSince }) => (failingSince ? <Time at={failingSince} now={now} /> : '–'),
          },
          ...(person.role === 'operator'
            ? [{ name: 'Act', cell: (webhook: ListedWebhook) => <Acts person={person} webhook={webhook} /> }]
            : []),
        ]}
        rows={webhooks}
        empty="There is no webhook: no events are stored, and none is sent."
      />
    </Card>
  );
}

function State({ webhook, now }: { readonly webhook: ListedWebhook; readonly now: Date }) {
  const { isVerified, disabledAt, disabledReason } = webhook;
  if (!isVerified) return <Badge tone="bad">not verified</Badge>;
  if (disabledAt === null) return <Badge tone="good">enabled</Badge>;
  return (
    <>
      <Badge tone={disabledReason === 'failing' ? 'bad' : 'plain'}>disabled</Badge>
      <div class="small">
        <Time at={disabledAt} now={now} />
      </div>
    </>
  );
}

function Acts({ person, webhook }: { readonly person: Viewer; readonly webhook: ListedWebhook }) {
  const { id, name, disabledAt } = webhook;
  const act = disabledAt === null ? 'disable' : 'enable';
  return (
    <>
      <Form person={person} action={receiverPath(id, 'test')}>
        <button class="link">
          Test<span class="hidden"> the webhook {name}</span>
        </button>
      </Form>
      <Form person={person} action={receiverPath(id, act)}>
        <button class="link">
          {act === 'disable' ? 'Disable' : 'Enable'}
          <span class="hidden"> the webhook {name}</span>
        </button>
      </Form>
    </>
  );
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : '–';
}
