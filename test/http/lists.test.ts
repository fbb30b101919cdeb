import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { Database } from '../../src/token-store/client/database.js';
import type { GrantPosition } from '../../src/token-store/grants/grant-lists.repository.js';
import { ConnectTicketListsRepository } from '../../src/token-store/connects/connect-ticket-lists.repository.js';
import {
  GrantSearchRepository,
  type UserFilter,
} from '../../src/token-store/grants/grant-search.repository.js';
import { SlotLedgerRepository } from '../../src/token-store/grants/slot-ledger.repository.js';
import { DelegatedCredentialsRepository } from '../../src/token-store/services/delegated-credentials.repository.js';
import { Prisma } from '../../src/token-store/prisma-client/client.js';
import type { Api } from '../support/api.js';
import { startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const GRANTS = 100_000;
const DAY = 24 * 3600;
const YEAR = String(365 * DAY);

interface Plan {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows that a plan took out of tables and their indexes. */
function rowsRead(plan: Plan): number {
  const removed = (plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Index Recheck'] ?? 0);
  const own =
    plan['Relation Name'] === undefined ? 0 : (plan['Actual Rows'] + removed) * plan['Actual Loops'];
  return own + (plan.Plans ?? []).reduce((sum, child) => sum + rowsRead(child), 0);
}

let bed: TestBed;
let client: pg.Client;

beforeAll(async () => {
  bed = await startTestBed({ TESTING_CLIENTS: 'second', DATABASE_POOL_SIZE: '3' });
  client = new pg.Client({ connectionString: bed.settings['DATABASE_URL'] });
  await client.connect();
  // Three clients, one of them in Testing and one that settings lost; teams of two sizes; a user with very many accounts.
  await bed.sql(
    `INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
       sealed_refresh_token, refresh_token_issued_at, refresh_token_expires_at, created_at, consented_at, refreshed_at)
     SELECT gen_random_uuid(),
       CASE WHEN n % 10 = 0 THEN 'everything' WHEN n = 4711 THEN 'only-one' WHEN n % 17 = 1 THEN 'team_b:' || n
         ELSE 'team_a:' || n END,
       (ARRAY['default', 'default', 'second', 'lost'])[1 + n % 4], 'sub-' || n, 'User-' || n || '@example.com',
       ARRAY[$1], ARRAY[$1], 'active', 'x', now() - n % 5 * interval '1 day',
       CASE WHEN n % 3 = 0 THEN now() + n % 11 * interval '1 day' END, now() - n * interval '1 second',
       now() - n % 170 * interval '1 day', CASE WHEN n % 2 = 0 THEN now() - n % 90 * interval '1 day' END
     FROM generate_series(1, $2::int) AS n`,
    [YOUTUBE, GRANTS],
  );
  const policy = {
    clients: ['*'],
    scopes: ['*'],
    users: ['*'],
    audit: false,
    disconnect: false,
    revoke: false,
  };
  const { id } = await bed.app
    .get(ServiceRegistry)
    .create('known', { ...policy, force: false, import: false });
  await bed.sql(
    `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, service_id, user_id)
     SELECT gen_random_uuid(), now() - n / 50 * interval '1 second', now(), 'token.issue', 'ok', 'x',
       CASE WHEN n % 2 = 0 THEN $2 END, CASE WHEN n = 4711 THEN 'only-one' ELSE 'team_a:' || n % 5000 END
     FROM generate_series(1, $1::int) AS n`,
    [GRANTS, id],
  );
}, 120_000);
afterAll(async () => {
  await client.end();
  await bed.stop();
});

/** How many rows the queries of a call read, by running each of them once more under EXPLAIN. */
async function readBy(call: () => Promise<unknown>): Promise<number> {
  const database = bed.app.get(Database);
  const sent: Prisma.Sql[] = [];
  const original = database.$queryRaw.bind(database) as (...query: unknown[]) => unknown;
  Object.defineProperty(database, '$queryRaw', {
    configurable: true,
    value: (query: Prisma.Sql | TemplateStringsArray, ...values: unknown[]) => {
      sent.push(
        Array.isArray(query) ? Prisma.sql(query as TemplateStringsArray, ...values) : (query as Prisma.Sql),
      );
      return original(query, ...values);
    },
  });
  try {
    await call();
  } finally {
    Reflect.deleteProperty(database, '$queryRaw');
  }
  expect(sent.length).toBeGreaterThan(0);
  let rows = 0;
  await client.query('BEGIN');
  for (const { text, values } of sent) {
    if (text.includes('set_config')) {
      await client.query(text);
      continue;
    }
    const { rows: explained } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    );
    const plan = explained[0]?.['QUERY PLAN'][0]?.Plan;
    if (!plan) throw new Error('There is no plan.');
    rows += rowsRead(plan);
  }
  await client.query('ROLLBACK');
  return rows;
}

type Listed = { id: string; user_id: string; client: string; expires?: { at: string } | null };

async function page(api: Api, path: string, query: Record<string, string>) {
  const { status, body, text } = await api.get(path, query);
  if (status !== 200) throw new Error(text);
  return { items: (body['grants'] ?? body['events']) as Listed[], next: body['next'] as string | null };
}

async function all(api: Api, path: string, query: Record<string, string>): Promise<Listed[]> {
  const items: Listed[] = [];
  let next: string | null = null;
  do {
    const more = await page(api, path, {
      ...query,
      limit: '500',
      ...(next === null ? {} : { cursor: next }),
    });
    items.push(...more.items);
    next = more.next;
  } while (next !== null);
  return items;
}

const POLICIES = {
  everything: { users: ['*'] },
  'one user': { users: ['only-one'] },
  'a user that does not exist': { users: ['unknown'] },
  'a prefix of nearly all': { users: ['team_a:*'] },
  'a prefix of few': { users: ['team_a:471*'] },
  'a prefix in between': { users: ['team_b:*'] },
  'one client': { users: ['*'], clients: ['second'] },
  'no client there is': { users: ['*'], clients: ['elsewhere'] },
  'many users': { users: Array.from({ length: 300 }, (_, n) => `team_a:${n}`) },
};

describe.each([
  ['without statistics', false],
  ['with statistics', true],
])('a page %s, whatever the policy,', (_, analyzed) => {
  beforeAll(async () => {
    if (analyzed) await bed.sql('ANALYZE');
  });

  test.each(Object.entries(POLICIES))(
    'of GET /grants reads as many rows as it needs for a policy of %s',
    async (_name, policy) => {
      const api = await bed.service(policy);
      const query = { expiring_within: YEAR, limit: '100' };
      expect(await readBy(() => page(api, '/grants', query))).toBeLessThan(9500);
      const { next } = await page(api, '/grants', query);
      if (next === null) return;
      expect(await readBy(() => page(api, '/grants', { ...query, cursor: next }))).toBeLessThan(9500);
    },
  );

  test('of GET /grants reads no more than the page of each client for who sees all', async () => {
    const query = { expiring_within: YEAR, limit: '100' };
    expect(await readBy(() => page(bed.api, '/grants', query))).toBeLessThan(330);
    const one = await bed.service({ users: ['only-one'] });
    expect(await readBy(() => page(one, '/grants', query))).toBeLessThan(5);
  });

  test.each(Object.entries(POLICIES))(
    'of GET /audit reads as many rows as it needs for a policy of %s',
    async (_name, policy) => {
      const api = await bed.service({ ...policy, audit: true });
      for (const query of [
        {},
        { service: 'known' },
        { since: new Date(Date.now() - 60_000).toISOString() },
      ]) {
        expect(await readBy(() => page(api, '/audit', query))).toBeLessThan(9500);
      }
    },
  );

  test('of GET /users/:userId/grants reads as many rows as it needs for a user with very many', async () => {
    expect(await readBy(() => page(bed.api, '/users/everything/grants', {}))).toBeLessThan(110);
  });
});

describe.each([
  ['without a filter', {}, 110],
  ['by status', { status: 'active' }, 110],
  ['by a status that no grant has', { status: 'suspended' }, 5],
  ['by a revocation under way', { status: 'revoking' }, 5],
  ['by client', { client: 'second' }, 110],
  ['by client and status', { client: 'second', status: 'active' }, 110],
  ['by client and a status that no grant has', { client: 'second', status: 'revoked' }, 5],
  ['by user', { userId: 'everything' }, 110],
  ['by the email of an account, in another case', { email: 'uSER-4712@EXAMPLE.com' }, 5],
  ['by the sub of an account', { sub: 'sub-4712' }, 5],
] as const)('the list of grants for an operator, %s,', (_, filter, rows) => {
  const none = { userId: null, email: null, sub: null, status: null, client: null };
  const search = (after: GrantPosition | null) =>
    bed.app.get(GrantSearchRepository).find({ ...none, ...filter, after, limit: 100 });

  test('reads as many rows as a page needs', async () => {
    expect(await readBy(() => search(null))).toBeLessThan(rows);
    const { next } = await search(null);
    if (next) expect(await readBy(() => search(next))).toBeLessThan(rows);
  });

  test('has the newest first, and its second page goes on where the first ended', async () => {
    const first = await search(null);
    const second = first.next ? await search(first.next) : { items: [] };
    const times = [...first.items, ...second.items].map(({ createdAt }) => createdAt.getTime());
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(times.length);
    for (const grant of first.items) {
      if ('client' in filter) expect(grant.client).toBe(filter.client);
      if ('userId' in filter) expect(grant.userId).toBe(filter.userId);
      if ('email' in filter) expect(grant.account.email?.toLowerCase()).toBe(filter.email.toLowerCase());
      if ('sub' in filter) expect(grant.account.sub).toBe(filter.sub);
    }
  });
});

describe('the list of users for an operator', () => {
  const users = (filter: Partial<UserFilter>, after: string | null = null) =>
    bed.app
      .get(GrantSearchRepository)
      .findUsers({ prefix: '', email: null, sub: null, ...filter, after, limit: 50 });

  test('finds them by how their ids begin, each once, with the number of their grants', async () => {
    const { items, next } = await users({ prefix: 'everyth' });
    expect({ items, next }).toEqual({
      items: [{ userId: 'everything', grants: 1000, active: 1000 }],
      next: null,
    });
    expect((await users({ prefix: 'team*' })).items).toEqual([]);
    const first = await users({ prefix: 'team_a:47' });
    const second = await users({ prefix: 'team_a:47' }, first.next);
    const ids = [...first.items, ...second.items].map(({ userId }) => userId);
    expect(ids).toHaveLength(100);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(ids.every((id) => id.startsWith('team_a:47'))).toBe(true);
  });

  test('finds them by the email and by the sub of an account', async () => {
    const userId = 'team_a:4712';
    expect((await users({ email: 'USER-4712@example.com' })).items).toMatchObject([{ userId }]);
    expect((await users({ sub: 'sub-4712' })).items).toMatchObject([{ userId }]);
    expect((await users({ sub: 'sub-4712', prefix: 'x' })).items).toEqual([]);
  });

  test('reads a few rows for each user, and no more than a thousand to count its grants', async () => {
    expect(await readBy(() => users({ prefix: 'team_a:' }))).toBeLessThan(400);
    expect(await readBy(() => users({ prefix: 'everything' }))).toBeLessThan(1100);
    expect(await readBy(() => users({ email: 'User-4712@example.com' }))).toBeLessThan(10);
  });
});

describe('a list for an operator', () => {
  beforeAll(async () => {
    await bed.sql(
      `INSERT INTO connect_tickets (id, service_id, user_id, client, state, created_at, expires_at, ended_at, version, sealed_request)
       SELECT 'ticket-' || n, 'service-' || n % 100, 'team_a:' || n, 'default', CASE WHEN n % 2 = 0 THEN 'success' ELSE 'created' END,
         now() - n * interval '1 second', now() + interval '1 day' - n / 10 * interval '1 second', CASE WHEN n % 2 = 0 THEN now() END, 1, ''
       FROM generate_series(1, $1::int) AS n`,
      [GRANTS],
    );
    await bed.sql(
      `INSERT INTO delegated_credentials (id, service_id, user_id, scopes, created_at, expires_at, revoked_at, mac)
       SELECT 'credential-' || n, (SELECT id FROM services LIMIT 1), 'team_a:' || n, '{}', now() - n * interval '1 second',
         now() + interval '1 day', CASE WHEN n % 2 = 0 THEN now() END, ''
       FROM generate_series(1, $1::int) AS n`,
      [GRANTS],
    );
  });
  afterAll(() => bed.sql('DELETE FROM connect_tickets; DELETE FROM delegated_credentials'));

  test.each([
    ['all', {}, 110],
    ['those of a state', { state: 'created' }, 160],
    ['those of a service', { serviceId: 'service-7' }, 60],
    ['those of a service in a state', { serviceId: 'service-7', state: 'success' }, 1100],
    ['those of a service that has none', { serviceId: 'x' }, 5],
  ] as const)('reads as many connect tickets as a page of %s needs', async (_, filter, rows) => {
    const find = (after: { expiresAt: Date; id: string } | null) =>
      bed.app
        .get(ConnectTicketListsRepository)
        .find({ serviceId: null, state: null, now: bed.clock.now(), ...filter, after, limit: 50 });
    expect(await readBy(() => find(null))).toBeLessThan(rows);
    const { next } = await find(null);
    expect(await readBy(() => find(next))).toBeLessThan(rows);
  });

  test('counts the delegated credentials of a service no further than it is asked to', async () => {
    const [service] = await bed.sql('SELECT id FROM services LIMIT 1');
    const ids = [String(service?.['id']), 'x'];
    const count = (upTo?: number) =>
      bed.app.get(DelegatedCredentialsRepository).countUsable(ids, bed.clock.now(), upTo);
    expect([...(await count())]).toEqual([
      [ids[0], GRANTS / 2],
      ['x', 0],
    ]);
    expect((await count(1000)).get(ids[0] ?? '')).toBe(1000);
    expect(await readBy(() => count(1000))).toBeLessThan(1100);
  });
});

test('whether any account is full is known without counting the tokens of every account', async () => {
  const ledger = bed.app.get(SlotLedgerRepository);
  await bed.sql(
    `INSERT INTO refresh_tokens (fingerprint, account_sub, client, issued_at, last_used_at, prefix_hash, sha512_hash, slots_taken)
     SELECT decode(md5(n::text), 'hex'), 'account ' || n / 50, 'default', now(), now(), int4send(n), int4send(n), 1 + n % 50
     FROM generate_series(0, $1::int - 1) AS n`,
    [GRANTS],
  );
  const isFull = (limit: number) => ledger.isAnyAccountFull('default', limit, bed.clock.now());
  expect([await isFull(51), await isFull(50), await isFull(10)]).toEqual([false, true, true]);
  expect(await readBy(() => isFull(51))).toBe(0);
  expect(await readBy(() => isFull(50))).toBeLessThan(50);
});

describe('a list read page by page', () => {
  test.each(Object.entries(POLICIES).filter(([name]) => !/everything|nearly all/.test(name)))(
    'of GET /grants is whole and in order for a policy of %s',
    async (_name, policy: { users: string[]; clients?: string[] }) => {
      const found = await all(await bed.service(policy), '/grants', { expiring_within: YEAR });
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM grants WHERE client = ANY($1) OR client = ANY($1) IS NULL
           AND EXISTS (SELECT FROM unnest($2::text[]) AS rule WHERE CASE WHEN right(rule, 1) = '*'
             THEN starts_with(user_id, left(rule, -1)) ELSE user_id = rule END)`,
        [policy.clients ?? null, policy.users],
      );
      expect(found).toHaveLength(rows[0]?.count ?? -1);
      expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
      const times = found.map(({ expires }) => expires?.at ?? '');
      expect(times).toEqual(times.toSorted());
    },
    60_000,
  );
});
