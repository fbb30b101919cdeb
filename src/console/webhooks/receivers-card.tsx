/** The webhooks themselves: who gets which events, and since when one fails. Owns no act (webhooks/webhook-registry.ts). */
import { shownAddress } from '../../domain/webhook/webhook.js';
import type { ListedWebhook } from '../../webhooks/webhook-registry.js';
import { Form, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time } from '../views/parts.js';
import { Table } from '../views/table.js';

interface Facts {
  readonly person: Viewer;
  readonly now: Date;
  readonly webhooks: readonly ListedWebhook[];
}

const receiverPath = (id: string, act: string): string =>
  `/console/webhooks/receivers/${encodeURIComponent(id)}/${act}`;

export function ReceiversCard({ person, now, webhooks }: Facts) {
  return (
    <Card title="Receivers" note="Created by token-broker webhook create, or token-broker apply">
      {webhooks.some(({ disabledReason }) => disabledReason === 'failing') ? (
        <Notice tone="bad">A webhook is disabled, since it accepted nothing for days.</Notice>
      ) : null}
      <Table
        caption="Webhooks"
        columns={[
          {
            name: 'Webhook',
            cell: (webhook) => (
              <>
                {webhook.name}
                <div class="soft small">{shownAddress(webhook) ?? '–'}</div>
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
            ? [
                {
                  name: 'Try',
                  cell: (webhook: ListedWebhook) => <Act person={person} webhook={webhook} act="test" />,
                },
                {
                  name: 'Switch',
                  cell: (webhook: ListedWebhook) => (
                    <Act
                      person={person}
                      webhook={webhook}
                      act={webhook.disabledAt === null ? 'disable' : 'enable'}
                    />
                  ),
                },
              ]
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

const ACTS = { test: 'Send a test event', disable: 'Disable', enable: 'Enable' } as const;

interface ActProps {
  readonly person: Viewer;
  readonly webhook: ListedWebhook;
  readonly act: keyof typeof ACTS;
}

function Act({ person, webhook: { id, name }, act }: ActProps) {
  return (
    <Form person={person} action={receiverPath(id, act)}>
      <button class="link">
        {ACTS[act]}
        <span class="hidden">
          {act === 'test' ? ' to ' : ' '}the webhook {name}
        </span>
      </button>
    </Form>
  );
}
