import { EVENT_STATES, type EventState } from '../../domain/webhook/webhook.js';
import type { ListedEvent } from '../../token-store/outbox/outbox-lists.repository.js';
import type { ListedWebhook } from '../../webhooks/webhook-registry.js';
import { grantPath, userPath } from '../paths.js';
import { optionsOf, SearchForm, SelectField, TextField } from '../views/fields.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time, whole } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';
import { ReceiversCard } from './receivers-card.js';

interface WebhooksFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly webhooks: readonly ListedWebhook[];
  readonly filter: Readonly<Record<'state' | 'webhook' | 'type' | 'since' | 'until', string | null>>;
  readonly events: readonly ListedEvent[];
  readonly next: string | null;
  readonly done: string | null;
  /** Of what was done: milliseconds, an error code, or a count. */
  readonly detail: string | null;
}

const TONES: Readonly<Record<EventState, 'info' | 'good' | 'bad'>> = {
  waiting: 'info',
  delivered: 'good',
  abandoned: 'bad',
};

/** Webhooks to the app, and what became of them. */
export function webhooksPage(facts: WebhooksFacts): string {
  const { person, now, webhooks, filter, events, next, done, detail } = facts;
  const isOperator = person.role === 'operator';
  const names = webhooks.map(({ id, name }) => ({ value: id, name }));
  return renderConsole(
    <Layout
      person={person}
      at="/console/webhooks"
      title="Webhooks"
      lead="Events for apps. They are kept for 30 days after they were delivered or abandoned"
    >
      <Done done={done} detail={detail} />
      <ReceiversCard person={person} now={now} webhooks={webhooks} />
      <SearchForm action="/console/webhooks">
        <SelectField
          name="state"
          label="State"
          any="Every state"
          value={filter.state}
          options={optionsOf(EVENT_STATES)}
        />
        <SelectField
          name="webhook"
          label="Webhook"
          any="Every webhook"
          value={filter.webhook}
          options={names}
        />
        <TextField name="type" label="Type" value={filter.type} placeholder="grant.connected" />
        <TextField name="since" label="From (UTC)" value={filter.since} placeholder="2026-11-21" />
        <TextField name="until" label="Before (UTC)" value={filter.until} placeholder="2026-11-21" />
      </SearchForm>
      <Card title="Events" note="The newest first">
        <Events person={person} now={now} events={events} />
        <Pager next={next} />
        {isOperator && filter.state === 'abandoned' && events.length > 0 ? (
          <ReplayAll person={person} filter={filter} />
        ) : null}
      </Card>
    </Layout>,
  );
}

/** The detail comes from the address: only what it can be is shown. */
function Done({ done, detail }: Pick<WebhooksFacts, 'done' | 'detail'>) {
  if (detail === null || !/^\w{1,40}$/.test(detail)) return null;
  switch (done) {
    case 'accepted':
      return <Notice tone="good">The receiver accepted the test event, after {detail} ms.</Notice>;
    case 'refused':
      return (
        <Notice tone="bad">
          The receiver did not accept the test event: <code>{detail}</code>
        </Notice>
      );
    case 'replayed':
      return <Notice tone="good">{detail === '1' ? 'One event is' : `${detail} events are`} due now.</Notice>;
    default:
      return null;
  }
}

function Events({ person, now, events }: Pick<WebhooksFacts, 'person' | 'now' | 'events'>) {
  return (
    <Table
      caption="Events and what became of them"
      columns={[
        {
          name: 'Event',
          cell: ({ id, type }) => (
            <>
              {type}
              <div class="soft small id">
                <code>{id}</code>
              </div>
            </>
          ),
        },
        {
          name: 'State',
          cell: ({ state, lastError }) => (
            <>
              <Badge tone={TONES[state]}>{state}</Badge>
              {lastError === null ? null : (
                <div class="small">
                  <code>{lastError}</code>
                </div>
              )}
            </>
          ),
        },
        { name: 'Webhook', cell: ({ webhook }) => webhook ?? '–' },
        { name: 'Tries', isNumber: true, cell: ({ attempts }) => whole(attempts) },
        { name: 'Made', cell: ({ createdAt }) => <Time at={createdAt} now={now} /> },
        {
          name: 'Next try',
          cell: ({ nextAttemptAt }) => (nextAttemptAt ? <Time at={nextAttemptAt} now={now} /> : '–'),
        },
        {
          name: 'User',
          cell: ({ id, userId, grantId }) => (
            <>
              {userId === null ? '–' : <a href={userPath(userId)}>{userId}</a>}
              {grantId === null ? null : (
                <div class="small">
                  <a href={grantPath(grantId)}>
                    grant<span class="hidden"> of the event {id}</span>
                  </a>
                </div>
              )}
            </>
          ),
        },
        ...(person.role === 'operator'
          ? [
              {
                name: 'Send',
                cell: ({ id, state }: ListedEvent) => (
                  <Form person={person} action={`/console/webhooks/${encodeURIComponent(id)}/replay`}>
                    <button class="link">
                      {state === 'waiting' ? 'Now' : 'Again'}
                      <span class="hidden"> the event {id}</span>
                    </button>
                  </Form>
                ),
              },
            ]
          : []),
      ]}
      rows={events}
      empty="There are no such events."
    />
  );
}

function ReplayAll({ person, filter }: Pick<WebhooksFacts, 'person' | 'filter'>) {
  const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== null);
  return (
    <div class="actions">
      <Form person={person} action="/console/webhooks/replay">
        {given.map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <button>Send all that this filter finds again</button>
      </Form>
    </div>
  );
}
