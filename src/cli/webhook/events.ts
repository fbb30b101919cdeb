import type { INestApplicationContext } from '@nestjs/common';
import { Command, Option } from 'commander';
import { EVENT_STATES, type EventState } from '../../domain/webhook/webhook.js';
import type {
  ListedEvent,
  EventFilter,
  EventPosition,
} from '../../token-store/outbox/outbox-lists.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
import { readList } from '../shared/read-pages.js';
import { table } from '../shared/table.js';
import { count, moment, time } from '../shared/values.js';
import { noWebhook } from './webhook-options.js';

const EXAMPLES = `
Examples:
  token-broker webhook events
  token-broker webhook events --state abandoned --since 7d
  token-broker webhook events --webhook app --type grant.connected --json

The newest first; an event has an id for each webhook that it is for. TRIES
counts attempts, LAST ERROR is a status or a code, or \`disabled\` for what came
while the webhook was disabled. Events stay for 30 days after they were
delivered or abandoned. While there is no webhook none are stored.`;

export interface FilterOptions {
  readonly state?: EventState;
  readonly webhook?: string;
  readonly type?: string;
  readonly since?: Date;
  readonly until?: Date;
}

interface Options extends FilterOptions {
  readonly limit: number;
}

/** The filters of `events` and `replay`. */
export function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'only those in this state').choices(EVENT_STATES))
    .option('--webhook <id-or-name>', 'only those for this webhook')
    .option('--type <type>', 'only those of this type, such as grant.connected')
    .option('--since <time>', 'only from this time on: a time, a day, or how long ago (24h)', time)
    .option('--until <time>', 'only before this time', time);
}

/** @throws {Failure} where there is no such webhook */
export async function filterOf(
  broker: INestApplicationContext,
  { state, webhook, type, since, until }: FilterOptions,
): Promise<EventFilter> {
  const { WebhooksRepository } = await import('../../token-store/outbox/webhooks.repository.js');
  const named = webhook === undefined ? null : await broker.get(WebhooksRepository).findNamed(webhook);
  if (webhook !== undefined && named === null) throw noWebhook(webhook);
  return {
    state: state ?? null,
    webhookId: named?.id ?? null,
    type: type ?? null,
    since: since ?? null,
    until: until ?? null,
  };
}

export function webhookEvents(): Command {
  return withFilters(new Command('events').description('List events: delivered, waiting, abandoned'))
    .option('--limit <count>', 'how many at most', count, 100)
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

function list({ limit, ...options }: Options): Promise<TableResult> {
  return withBroker(async (broker) => {
    const { OutboxListsRepository } = await import('../../token-store/outbox/outbox-lists.repository.js');
    const outbox = broker.get(OutboxListsRepository);
    const filter = await filterOf(broker, options);
    const read = (after: EventPosition | null, size: number) =>
      outbox.find({ ...filter, after, limit: size });
    const { items, isMore } = await readList(read, limit);
    const more = isMore ? '\n\nThere are more: raise --limit, or add a filter.' : '';
    return {
      text: (width) => (items.length > 0 ? inTable(items, width) + more : 'There are no such events.'),
      json: { events: items.map(describe), has_more: isMore },
    };
  });
}

function describe({ id, type, state, webhook, userId, grantId, attempts, lastError, ...times }: ListedEvent) {
  return {
    id,
    webhook,
    type,
    state,
    user_id: userId,
    grant_id: grantId,
    attempts,
    last_error: lastError,
    created_at: times.createdAt,
    next_attempt_at: times.nextAttemptAt,
    delivered_at: times.deliveredAt,
    abandoned_at: times.abandonedAt,
  };
}

function inTable(events: readonly ListedEvent[], width: number): string {
  return table(
    [
      { heading: 'ID' },
      { heading: 'STATE' },
      { heading: 'TRIES' },
      { heading: 'LAST ERROR', cut: true },
      { heading: 'TYPE', cut: true, optional: true },
      { heading: 'WEBHOOK', cut: true, optional: true },
      { heading: 'NEXT TRY', optional: true },
      { heading: 'CREATED', optional: true },
      { heading: 'USER', cut: true, optional: true },
    ],
    events.map(({ id, state, attempts, lastError, type, webhook, nextAttemptAt, createdAt, userId }) => [
      id,
      state,
      String(attempts),
      lastError ?? '-',
      type,
      webhook ?? '-',
      nextAttemptAt ? moment(nextAttemptAt) : '-',
      moment(createdAt),
      userId ?? '-',
    ]),
    width,
  );
}
