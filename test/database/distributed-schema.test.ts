/**
 * One schema for one PostgreSQL and for several: every key of a table that can be distributed over servers has its user, and every
 * statement on the path of a call for a token says whose rows it is about, so that one server is asked.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { coldUsers } from '../support/cold-users.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';
import {
  DISTRIBUTION_COLUMN,
  DISTRIBUTED_TABLES,
} from '../../src/token-store/distributed/distributed-tables.js';

const sent: string[] = [];
const { query } = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };

let bed: TestBed;
beforeAll(async () => {
  // Before the broker makes its connections: each binds the method that it finds.
  pg.Client.prototype.query = function recorded(this: pg.Client, ...args: unknown[]) {
    const [first] = args;
    sent.push(typeof first === 'string' ? first : ((first as { text?: string } | null)?.text ?? ''));
    return query.apply(this, args);
  } as never;
  // Each call is a cold read.
  bed = await startTestBed({ CACHE_USERS: '0' });
  // No server listens there: events stay in the outbox.
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(async () => {
  await bed.stop();
  pg.Client.prototype.query = query as never;
});

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

/** Which tables of those a statement reads or writes. */
function tablesOf(text: string): string[] {
  return DISTRIBUTED_TABLES.map(({ name }) => name).filter((name) =>
    new RegExp(String.raw`\b(FROM|JOIN|INTO|UPDATE|USING)\s+("public"\.)?"?${name}\b`).test(text),
  );
}

/** Whether it says for each of them whose rows, and with each key of ON CONFLICT. */
function namesUser(text: string): boolean {
  const conditions = text.match(/\buser_id"?\s*(=|IN\b)/g) ?? [];
  const inserts = text.match(/INSERT INTO [^(]*\([^)]*\buser_id\b/g) ?? [];
  const conflicts = text.match(/ON CONFLICT\s*\([^)]*\)/g) ?? [];
  return (
    conditions.length + inserts.length >= tablesOf(text).length &&
    conflicts.every((conflict) => /\buser_id\b/.test(conflict))
  );
}

/** What is not on that path. */
const OTHERS = [
  // Counted by account, since Google counts so: only where Google issued a refresh token.
  /^SELECT [^;]*FROM "public"."refresh_tokens" WHERE \("public"."refresh_tokens"."account_sub" = \$1/,
  // Jobs: what is due for a webhook, and what expires soon.
  /^SELECT user_id AS "userId", id, sequence[^]*FROM outbox_events\s+WHERE webhook_id = \$1/,
  /^UPDATE outbox_events SET next_attempt_at/,
  /^WITH RECURSIVE found AS \(\s+\(SELECT client FROM grants WHERE expires_at IS NOT NULL/,
  /^SELECT \* FROM \(\s+SELECT scanned\.\*.*expiry_notified_at IS DISTINCT FROM at/,
  // Of this test.
  /^UPDATE grants SET lease_expires_at = NULL WHERE/,
  /^SELECT 1 FROM access_tokens$/,
];

test.each([
  ['SELECT 1 FROM grants WHERE id = $1', false],
  ['SELECT 1 FROM grants WHERE user_id = $1 AND id = $2', true],
  ['UPDATE "public"."grants" SET "version" = $1 WHERE "public"."grants"."id" = $2', false],
  ['SELECT 1 FROM grants JOIN access_tokens ON grant_id = id WHERE grants.user_id = $1', false],
  ['INSERT INTO access_tokens (grant_id) SELECT $1', false],
  [
    'INSERT INTO access_tokens (user_id, grant_id) VALUES ($1, $2) ON CONFLICT (grant_id) DO UPDATE SET x = 1',
    false,
  ],
])('whether the statement %s says whose rows it is about is seen', (text, says) => {
  expect(tablesOf(text)).not.toEqual([]);
  expect(namesUser(text)).toBe(says);
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
  sent.length = 0;
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
  const path = sent
    .map((text) => text.trim())
    .filter((text) => tablesOf(text).length > 0 && !OTHERS.some((other) => other.test(text)));
  const kinds = ['WITH free', 'WITH held', 'SELECT asked.place', 'INSERT INTO outbox_events'];
  for (const kind of kinds) expect(path.some((text) => text.startsWith(kind))).toBe(true);
  expect([...new Set(path.filter((text) => !namesUser(text)))]).toEqual([]);
});
