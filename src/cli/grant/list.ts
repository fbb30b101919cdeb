import { Command, Option } from 'commander';
import { type Grant, GRANT_STATUSES } from '../../domain/grant/grant.js';
import type { GrantResponse } from '../../grants/grant.response.js';
import type { GrantPosition } from '../../token-store/grants/grant-lists.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { readList } from '../shared/read-pages.js';
import { table } from '../shared/table.js';
import { count, day, seconds } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker grant list --user alice
  token-broker grant list --email alice@example.com
  token-broker grant list --status reconnect_required --client default
  token-broker grant list --expiring-within 7d --json | jq -r '.grants[].id'

The newest first; with --expiring-within the one that expires first. Filters
add up. \`token-broker grant show ID\` shows one, and what happened to it.`;

interface Options {
  readonly user?: string;
  readonly email?: string;
  readonly sub?: string;
  readonly status?: Grant['status'];
  readonly client?: string;
  readonly expiringWithin?: number;
  readonly limit: number;
}

export function grantList(): Command {
  return new Command('list')
    .description('List grants, of all users or as the filters say')
    .option('--user <id>', 'only those of this user')
    .option('--email <address>', 'only those of the Google account with this email')
    .option('--sub <id>', "only those of this account, by Google's id of it")
    .addOption(new Option('--status <status>', 'only those with this status').choices(GRANT_STATUSES))
    .option('--client <alias>', 'only those of this client')
    .option('--expiring-within <duration>', 'only those that expire soon, such as 7d', seconds)
    .option('--limit <count>', 'how many at most', count, 100)
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

function list({ expiringWithin, limit, ...filter }: Options): Promise<TableResult> {
  const { user, email, sub, status, client } = filter;
  if (expiringWithin !== undefined && [user, email, sub, status].some((value) => value !== undefined)) {
    throw wrongUsage('--expiring-within goes with --client only.', 'token-broker grant list');
  }
  return withBroker(async (broker) => {
    const [
      { DeclaredSettingsRepository },
      { Clock },
      { GrantSearchRepository },
      { GrantListsRepository },
      { toGrantResponse },
    ] = await Promise.all([
      import('../../token-store/declarations/declared-settings.repository.js'),
      import('../../domain/ports/clock.js'),
      import('../../token-store/grants/grant-search.repository.js'),
      import('../../token-store/grants/grant-lists.repository.js'),
      import('../../grants/grant.response.js'),
    ]);
    const testingClients = await broker.get(DeclaredSettingsRepository).testingClients();
    const [search, lists] = [broker.get(GrantSearchRepository), broker.get(GrantListsRepository)];
    const all = { users: ['*'], clients: [client ?? '*'], testingClients, isUnnotified: false };
    const until = new Date(broker.get(Clock).now().getTime() + (expiringWithin ?? 0) * 1000);
    const found = {
      userId: user ?? null,
      email: email ?? null,
      sub: sub ?? null,
      status: status ?? null,
      client: client ?? null,
    };
    const read = (after: GrantPosition | null, size: number) =>
      expiringWithin === undefined
        ? search.find({ ...found, after, limit: size })
        : lists.expiring({ ...all, until, after, limit: size });
    const { items, isMore } = await readList(read, limit);
    const grants = items.map((grant) => toGrantResponse(grant, testingClients));
    const more = isMore ? '\n\nThere are more: raise --limit, or add a filter.' : '';
    return {
      text: (width) => (grants.length > 0 ? inTable(grants, width) + more : 'There are no such grants.'),
      json: { grants, has_more: isMore },
    };
  });
}

function inTable(grants: readonly GrantResponse[], width: number): string {
  return table(
    [
      { heading: 'GRANT' },
      { heading: 'STATUS', cut: true },
      { heading: 'USER', cut: true },
      { heading: 'ACCOUNT', cut: true },
      { heading: 'CLIENT', cut: true, optional: true },
      { heading: 'EXPIRES', optional: true },
      { heading: 'CAUSE', cut: true, optional: true },
    ],
    grants.map(({ id, status, user_id, account, client, expires, diagnosis }) => [
      id,
      status,
      user_id,
      account.email ?? account.sub,
      client,
      expires ? day(new Date(expires.at)) : '-',
      diagnosis?.cause ?? '-',
    ]),
    width,
  );
}
