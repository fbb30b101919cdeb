import { Command, Option } from 'commander';
import type {
  ListedWebhook,
  WebhookFilter,
  WebhookPosition,
  WebhookState,
} from '../../token-store/outbox/outbox-lists.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
import { readList } from '../shared/read-pages.js';
import { table } from '../shared/table.js';
import { count, moment, time } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker webhook list
  token-broker webhook list --state abandoned --since 7d
  token-broker webhook list --type grant.reconnect_required --json

The newest first. TRIES counts attempts, LAST ERROR is a status or a code.
Events stay for 30 days after they were delivered or abandoned. Without
WEBHOOK_URL none are stored.`;

const STATES: readonly WebhookState[] = ['waiting', 'delivered', 'abandoned'];

export interface FilterOptions {
  readonly state?: WebhookState;
  readonly type?: string;
  readonly since?: Date;
  readonly until?: Date;
}

interface Options extends FilterOptions {
  readonly limit: number;
}

/** The filters of `list` and `replay`. */
export function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--type <type>', 'only those of this type, such as grant.connected')
    .option('--since <time>', 'only from this time on: a time, a day, or how long ago (24h)', time)
    .option('--until <time>', 'only before this time', time);
}

export function filterOf({ state, type, since, until }: FilterOptions): WebhookFilter {
  return { state: state ?? null, type: type ?? null, since: since ?? null, until: until ?? null };
}

export function webhookList(): Command {
  return withFilters(new Command('list').description('List webhooks: delivered, waiting, abandoned'))
    .option('--limit <count>', 'how many at most', count, 100)
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

function list({ limit, ...options }: Options): Promise<TableResult> {
  return withBroker(async (broker) => {
    const { OutboxListsRepository } = await import('../../token-store/outbox/outbox-lists.repository.js');
    const outbox = broker.get(OutboxListsRepository);
    const filter = filterOf(options);
    const read = (after: WebhookPosition | null, size: number) =>
      outbox.find({ ...filter, after, limit: size });
    const { items, isMore } = await readList(read, limit);
    const more = isMore ? '\n\nThere are more: raise --limit, or add a filter.' : '';
    return {
      text: (width) => (items.length > 0 ? inTable(items, width) + more : 'There are no such webhooks.'),
      json: { webhooks: items.map(describe), has_more: isMore },
    };
  });
}

function describe({ id, type, state, userId, grantId, attempts, lastError, ...times }: ListedWebhook) {
  return {
    id,
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

function inTable(webhooks: readonly ListedWebhook[], width: number): string {
  return table(
    [
      { heading: 'ID' },
      { heading: 'STATE' },
      { heading: 'TRIES' },
      { heading: 'LAST ERROR', cut: true },
      { heading: 'TYPE', cut: true, optional: true },
      { heading: 'NEXT TRY', optional: true },
      { heading: 'CREATED', optional: true },
      { heading: 'USER', cut: true, optional: true },
    ],
    webhooks.map(({ id, state, attempts, lastError, type, nextAttemptAt, createdAt, userId }) => [
      id,
      state,
      String(attempts),
      lastError ?? '-',
      type,
      nextAttemptAt ? moment(nextAttemptAt) : '-',
      moment(createdAt),
      userId ?? '-',
    ]),
    width,
  );
}
