/**
 * One schema for one PostgreSQL and for several: every key of a table that can be distributed over servers has its user, and every
 * statement on the path of a call for a token says whose rows it is about, so that one server is asked.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Database } from '../../src/token-store/client/database.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { coldUsers } from '../support/cold-users.js';
import { forgetStatements, plainStatement, sentStatements } from '../support/sent-statements.js';
import { tablesWithoutUser } from '../support/statement-users.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';
import {
  DISTRIBUTION_COLUMN,
  DISTRIBUTED_TABLES,
} from '../../src/token-store/distributed/distributed-tables.js';

let bed: TestBed;
beforeAll(async () => {
  // Each call is a cold read.
  bed = await startTestBed({ CACHE_USERS: '0' });
  // No server listens there: events stay in the outbox.
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

test('every unique key of a table that can be distributed has its user, but for those that only one server keeps', async () => {
  const keys = await bed.sql(
    `SELECT tables.relname::text AS table, keys.relname::text AS name, ARRAY(SELECT attname::text
       FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
         JOIN pg_attribute AS a ON a.attrelid = indrelid AND a.attnum = k.attnum ORDER BY place) AS columns
     FROM pg_index JOIN pg_class AS tables ON tables.oid = indrelid JOIN pg_class AS keys ON keys.oid = indexrelid
     WHERE indisunique AND tables.relnamespace = 'public'::regnamespace
       AND (tables.relname = ANY ($1) OR pg_partition_root(tables.oid)::regclass::text = ANY ($1))
       -- Those of partitions are their table's.
       AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = keys.oid)`,
    [DISTRIBUTED_TABLES.map(({ name }) => name)],
  );
  const ofOneServer = DISTRIBUTED_TABLES.flatMap(({ oneServerKeys }) => oneServerKeys);
  const without = keys.filter(({ columns }) => !(columns as string[]).includes(DISTRIBUTION_COLUMN));
  expect(without.map(({ name, columns }) => ({ name, columns }))).toEqual(
    expect.arrayContaining(ofOneServer.map(({ name, columns }) => ({ name, columns }))),
  );
  expect(without).toHaveLength(ofOneServer.length);
  for (const { name, key, oneServerKeys } of DISTRIBUTED_TABLES) {
    // Where the primary key is one of those, migrate --distribute makes another.
    if (oneServerKeys.some((each) => each.name === `${name}_pkey`)) continue;
    expect(keys).toContainEqual({ table: name, name: `${name}_pkey`, columns: key });
  }
});

test('no table that can be distributed has a sequence, an enum, or a foreign key without the user', async () => {
  const tables = DISTRIBUTED_TABLES.map(({ name }) => name);
  expect(
    await bed.sql(
      `SELECT attrelid::regclass::text AS table, attname FROM pg_attribute
         JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
       WHERE attrelid::regclass::text = ANY ($1) AND attnum > 0
         AND (typtype = 'e' OR pg_get_expr(adbin, adrelid) LIKE 'nextval%')`,
      [tables],
    ),
  ).toEqual([]);
  const foreign = await bed.sql(
    `SELECT conname::text, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
     FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text = ANY ($1)`,
    [tables],
  );
  expect(foreign.map(({ conname }) => conname).sort()).toEqual([
    'access_tokens_user_id_grant_id_fkey',
    'ads_trees_user_id_grant_id_fkey',
  ]);
  for (const { columns } of foreign) expect(columns).toContain(DISTRIBUTION_COLUMN);
});

test.each([
  ['kind', 'robot'],
  ['status', 'dead'],
  ['revoking_from', 'dead'],
])('a grant has no other %s than those that there are', async (column, value) => {
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  const changing = bed.sql(`UPDATE grants SET ${column} = $1 WHERE user_id = 'alice'`, [value]);
  await expect(changing).rejects.toMatchObject({ code: '23514', constraint: `grants_${column}` });
});

/** What a broker or another one of its SQL could say, and what of it says whose rows it is about. */
test.each([
  ['SELECT 1 FROM grants WHERE id = $1', ['grants']],
  ['SELECT 1 FROM grants WHERE user_id = $1 AND id = $2', []],
  ['UPDATE "public"."grants" SET "version" = $1 WHERE "public"."grants"."id" = $2', ['grants']],
  ['UPDATE "public"."grants" SET "version" = $1 WHERE ("public"."grants"."user_id" = $2 AND 1=1)', []],
  ['UPDATE grants SET user_id = $1 WHERE id = $2', ['grants']],
  ['DELETE FROM ONLY grants WHERE id = $1', ['grants']],
  ['SELECT 1 FROM services, grants WHERE grants.id = $1', ['grants']],
  ['SELECT 1 FROM grants WHERE user_id = user_id AND id = $1', ['grants']],
  ['SELECT 1 FROM grants WHERE user_id = $1 OR id = $2', ['grants']],
  ['SELECT 1 FROM grants WHERE NOT (user_id = $1)', ['grants']],
  ['SELECT user_id = $1 FROM grants', ['grants']],
  ['SELECT 1 FROM grants JOIN access_tokens ON grant_id = id WHERE grants.user_id = $1', ['access_tokens']],
  ['SELECT 1 FROM grants g JOIN access_tokens t ON t.user_id = g.user_id WHERE g.user_id = $1', []],
  ['SELECT 1 FROM grants JOIN access_tokens USING (user_id) WHERE grants.user_id = $1', []],
  ['SELECT 1 FROM grants WHERE user_id = $1 UNION ALL SELECT 1 FROM grants', ['grants']],
  [
    'SELECT (SELECT 1 FROM access_tokens WHERE grant_id = grants.id) FROM grants WHERE user_id = $1',
    ['access_tokens'],
  ],
  [
    'WITH a AS (SELECT user_id FROM grants WHERE id = $1) DELETE FROM ads_trees USING a WHERE ads_trees.user_id = a.user_id',
    ['grants', 'ads_trees'],
  ],
  ['INSERT INTO access_tokens (grant_id) SELECT $1', ['access_tokens']],
  [
    'INSERT INTO access_tokens (user_id, grant_id) VALUES ($1, $2) ON CONFLICT (grant_id) DO UPDATE SET x = 1',
    ['access_tokens'],
  ],
  [
    'INSERT INTO access_tokens (user_id, grant_id) VALUES ($1, $2) ON CONFLICT (user_id, grant_id) DO UPDATE SET x = 1',
    [],
  ],
  ['SELECT 1 FROM services WHERE id = $1', null],
])('which tables the statement %s asks without a user is seen', (text, tables) => {
  expect(tablesWithoutUser(text)).toEqual(tables);
});

/** A condition that the rows are one user's, in SQL of the broker or of Prisma. */
const CONDITION = /(?:[\w".]+\.)?"?\buser_id"? = (?:\$\d+|[\w".]+\.user_id\b)/g;

/**
 * All that the path of a call for a token may send without a user, unlike what jobs, lists and consents may (sent-statements.ts): Google
 * counts refresh tokens by account, and sent another one.
 */
const COUNTS_OF_ACCOUNT = [
  /^SELECT [^()]* FROM refresh_tokens WHERE \(refresh_tokens\.account_sub = \$1 AND refresh_tokens\.client = \$2 AND /,
  /^SELECT COUNT\(\*\) AS _count\$_all FROM \(SELECT [^()]* FROM refresh_tokens WHERE \(refresh_tokens\.account_sub = \$1 AND /,
];
const isCountOfAccount = (text: string) =>
  COUNTS_OF_ACCOUNT.some((shape) => shape.test(plainStatement(text)));
const isFound = (text: string) => tablesWithoutUser(text)?.length !== 0 && !isCountOfAccount(text);

test('a statement about a grant, a token or an event by its id alone is found, wherever else it is allowed', async () => {
  const database = bed.app.get(Database);
  const id = randomUUID();
  forgetStatements();
  await database.grant.findFirst({ where: { id } });
  await database.refreshToken.findFirst({ where: { fingerprint: new Uint8Array(32) } });
  await database.outboxEvent.findFirst({ where: { id } });
  await database.grant.updateMany({ where: { accountSub: 'unknown' }, data: { version: 2 } });
  const byId = / WHERE \(?(grants\.(id|account_sub)|refresh_tokens\.fingerprint|outbox_events\.id) = /;
  const sent = sentStatements().filter((text) => byId.test(plainStatement(text)));
  expect(sent).toHaveLength(4);
  expect(sent.filter((text) => !isFound(text))).toEqual([]);
});

test('every statement on the path of a call for a token says whose rows it is about', async () => {
  const { control } = bed.google;
  const token = async (user: string, status = 200, query: Record<string, string> = {}) => {
    const response = await bed.api.token(user, query);
    expect(response).toMatchObject({ status });
    return response.body;
  };
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
  const several = await coldUsers(bed, 'several', 6);
  const settled = () => until(async () => (await bed.sql('SELECT 1 FROM access_tokens')).length >= 6);
  // Jobs are about the users of all servers.
  await bed.app.get(Scheduler).beforeApplicationShutdown();
  forgetStatements();
  // A read, one with fewer scopes, and refreshes: alone, of many at once, and of two replicas that want the same.
  const { token_id: id } = await token('alice');
  await token('alice', 200, { scope: YOUTUBE });
  await Promise.all(several.map((user) => token(user)));
  await settled();
  await token('alice', 200, { refused: String(id) });
  // Google sends another refresh token, then fewer scopes, then no more.
  bed.clock.advance(3600);
  control.overrideTokenResponse({ refresh_token: `1//rotated-${Date.now()}` }, 1);
  await token('alice');
  bed.clock.advance(3600);
  control.overrideTokenResponse({ scope: YOUTUBE }, 1);
  await token('bob');
  control.failNext('token', { status: 503, body: '' }, 1);
  bed.clock.advance(3600);
  await token('bob', 503);
  await bed.afterBackoff();
  control.revokeByUser(BOB.sub, 'project-a');
  await token('bob', 410);
  await token('unknown', 404);
  const path = sentStatements().filter((text) => tablesWithoutUser(text) !== null);
  const kinds = ['WITH free', 'WITH held', 'SELECT asked.place', 'INSERT INTO outbox_events'];
  for (const kind of kinds) expect(path.some((text) => text.trim().startsWith(kind))).toBe(true);
  expect(path.filter(isFound)).toEqual([]);
  expect(path.filter(isCountOfAccount)).toHaveLength(COUNTS_OF_ACCOUNT.length);
  // Without any one of its conditions a statement is found. What an upsert updates is found by its key.
  const mutants = path
    .filter((text) => !isCountOfAccount(text))
    .flatMap((text) =>
      [...text.matchAll(CONDITION)]
        .filter(({ index }) => !text.slice(0, index).includes('ON CONFLICT'))
        .map(({ index, 0: found }) => `${text.slice(0, index)}1 = 1${text.slice(index + found.length)}`),
    );
  expect(mutants.length).toBeGreaterThan(10);
  expect(mutants.filter((text) => !isFound(text))).toEqual([]);
});
