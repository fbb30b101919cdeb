import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { startFleet, type Fleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { asJson, query, tokenBroker } from '../cli/token-broker.js';
import { Api } from '../support/api.js';
import { until } from '../support/until.js';

/**
 * Two roles of PostgreSQL, neither a superuser: one owns the tables and migrates, the broker runs as the other. Every
 * other test runs its brokers as such a role too (test/support/test-bed.ts); here is what that role cannot do.
 */
const id = randomUUID().slice(0, 8);
const OWNER = `owner-${id}`;
const RUNTIME = `runtime-${id}`;
const admin = process.env['TEST_POSTGRES_URL'] ?? '';
const as = (role: string, database: string) => {
  const url = new URL(`${admin}${database}`);
  url.username = role;
  return url.href;
};
const database = `roles_${id}`;
const owner = as(OWNER, database);
const runtime = as(RUNTIME, database);
const { password } = new URL(admin);

beforeAll(async () => {
  for (const role of [OWNER, RUNTIME]) {
    await query(`${admin}postgres`, `CREATE ROLE "${role}" LOGIN PASSWORD '${password}'`);
  }
  await query(`${admin}postgres`, `CREATE DATABASE ${database} OWNER "${OWNER}"`);
  const { code, output } = await asJson(['migrate', '--grant-runtime', RUNTIME], { DATABASE_URL: owner });
  expect({ code, to: output?.['granted_to'] }).toEqual({ code: 0, to: RUNTIME });
}, 60_000);

const DENIED = /permission denied|must be owner/;

test.each([
  ['make a table', 'CREATE TABLE mine (id int)'],
  ['make a temporary table', 'CREATE TEMPORARY TABLE mine (id int)'],
  ['make a schema', 'CREATE SCHEMA mine'],
  ['make a function', 'CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$'],
  ['change a table', 'ALTER TABLE grants ADD COLUMN mine int'],
  ['drop a table', 'DROP TABLE grants'],
  ['disable a trigger', 'ALTER TABLE grants DISABLE TRIGGER USER'],
  ['pass triggers by', `SET session_replication_role = replica`],
  ['make a trigger', 'CREATE TRIGGER mine AFTER INSERT ON grants EXECUTE FUNCTION notify_change()'],
  ['change a function', `ALTER FUNCTION prune_audit_events(timestamptz, integer) SECURITY INVOKER`],
  ['empty a table', 'TRUNCATE grants CASCADE'],
  ['empty the audit trail', 'TRUNCATE audit_trail'],
  ['change an audit event', `UPDATE audit_trail SET outcome = 'ok'`],
  ['delete an audit event', 'DELETE FROM audit_trail'],
  ['delete one in its partition', 'DELETE FROM audit_events'],
  ['change one in its partition', `UPDATE audit_trail_default SET outcome = 'ok'`],
  ['drop a partition', 'DROP TABLE audit_trail_default'],
  ['detach a partition', 'ALTER TABLE audit_trail DETACH PARTITION audit_events'],
  ['say that events are kept for less long', 'UPDATE audit_retention SET days = 1'],
  ['forget that', 'DELETE FROM audit_retention'],
  ['change what was migrated', 'DELETE FROM _prisma_migrations'],
  ['become the owner', `SET ROLE "${OWNER}"`],
  ['make a role', 'CREATE ROLE mine'],
  ['give rights away', `GRANT SELECT ON grants TO PUBLIC`],
])('the runtime role cannot %s', async (_, sql) => {
  if (sql.startsWith('GRANT')) {
    // PostgreSQL only warns; nothing comes of it.
    await query(runtime, sql).catch(() => []);
    expect(
      await query(owner, `SELECT 1 FROM pg_class WHERE relname = 'grants' AND relacl::text LIKE '%{=%'`),
    ).toEqual([]);
    return;
  }
  await expect(query(runtime, sql)).rejects.toThrow(DENIED);
});

test('the runtime role has these rights on every table, and neither the owner nor the role is a superuser', async () => {
  const rights = await query(
    owner,
    `SELECT c.relname::text AS table, string_agg(privilege_type, ', ' ORDER BY privilege_type) AS rights
     FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND r.rolname = '${RUNTIME}' GROUP BY 1 ORDER BY 1`,
  );
  const tables = await query(
    owner,
    // None on a partition but the one to which the version before writes.
    `SELECT relname::text AS table FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND (NOT relispartition OR relname = 'audit_events') ORDER BY 1`,
  );
  const special: Record<string, string> = {
    audit_events: 'INSERT, SELECT',
    audit_trail: 'INSERT, SELECT',
    audit_retention: 'SELECT',
    _prisma_migrations: 'SELECT',
  };
  expect(rights).toEqual(
    tables.map(({ table }) => ({
      table,
      rights: special[String(table)] ?? 'DELETE, INSERT, SELECT, UPDATE',
    })),
  );
  expect(
    await query(owner, `SELECT rolsuper FROM pg_roles WHERE rolname IN ('${OWNER}', '${RUNTIME}')`),
  ).toEqual([{ rolsuper: false }, { rolsuper: false }]);
});

test('the rights cover a table of a later migration, and running the grants again changes nothing', async () => {
  await query(owner, 'CREATE TABLE later (id bigserial, note text)');
  await query(runtime, `INSERT INTO later (note) VALUES ('x')`);
  await expect(query(runtime, 'TRUNCATE later')).rejects.toThrow(DENIED);
  await query(owner, `GRANT ALL ON audit_trail TO "${RUNTIME}"`);
  expect((await tokenBroker(['migrate', '--grant-runtime', RUNTIME], { DATABASE_URL: owner })).code).toBe(0);
  await expect(query(runtime, 'DELETE FROM audit_trail')).rejects.toThrow(DENIED);
  await query(owner, 'DROP TABLE later');
});

test('events end when they are older than the owner says, whatever age the broker says', async () => {
  const add = (days: number) =>
    query(
      runtime,
      `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor)
       SELECT gen_random_uuid(), t, t, 'token.issue', 'ok', 'x' FROM (SELECT now() - interval '${days} days' AS t) AS _`,
    );
  for (const days of [10, 100, 500]) await add(days);
  const prune = async () =>
    (await query(runtime, `SELECT prune_audit_events(now() + interval '1 day', 1000) AS n`))[0]?.['n'];
  expect(await prune()).toBe(1);
  const migrate = (AUDIT_RETENTION_DAYS: string) =>
    asJson(['migrate'], { DATABASE_URL: owner, AUDIT_RETENTION_DAYS });
  expect((await migrate('90')).code).toBe(0);
  expect(await prune()).toBe(1);
  expect((await migrate('ninety')).code).toBe(78);
  const stored = async () => (await query(owner, 'SELECT days FROM audit_retention'))[0]?.['days'];
  expect(await stored()).toBe(90);
  // Without the setting, as in the commands of the documentation.
  expect((await migrate('')).code).toBe(0);
  expect(await stored()).toBe(90);
  expect((await migrate('400')).code).toBe(0);
  await query(owner, 'DELETE FROM audit_trail');
});

test('the runtime role has months made and dropped by functions of the owner, and may touch no event in them', async () => {
  await query(owner, 'ALTER TABLE audit_trail DETACH PARTITION audit_events');
  const [{ made } = { made: [] }] = (await query(runtime, 'SELECT create_audit_partitions(1) AS made')) as {
    made: string[];
  }[];
  expect(made).toHaveLength(2);
  for (const name of made) {
    for (const sql of [
      `DELETE FROM ${name}`,
      `INSERT INTO ${name} SELECT * FROM audit_trail`,
      `SELECT * FROM ${name}`,
    ]) {
      await expect(query(runtime, sql)).rejects.toThrow(DENIED);
    }
  }
  const dropped = async () =>
    (await query(runtime, `SELECT drop_audit_partition(now() + interval '9 years') AS name`))[0];
  expect(await dropped()).toEqual({ name: null });
  await query(
    owner,
    `CREATE TABLE audit_trail_2019_01 PARTITION OF audit_trail FOR VALUES FROM ('2019-01-01') TO ('2019-02-01')`,
  );
  expect(await dropped()).toEqual({ name: 'audit_trail_2019_01' });
  for (const name of made) await query(owner, `DROP TABLE ${name}`);
  const end = `date_trunc('month', now()) + interval '2 months'`;
  const [{ at } = { at: '' }] = (await query(owner, `SELECT (${end})::text AS at`)) as { at: string }[];
  await query(
    owner,
    `ALTER TABLE audit_trail ATTACH PARTITION audit_events FOR VALUES FROM (MINVALUE) TO ('${at}')`,
  );
});

test.each([
  ['does not exist', 'no-such-role', 'no role'],
  ['owns the tables', OWNER, 'owns the tables'],
  ['is a superuser', new URL(admin).username, 'superuser'],
])('a role that %s is refused, and nothing is granted to it', async (_, role, why) => {
  const { code, failure } = await asJson(['migrate', '--grant-runtime', role], { DATABASE_URL: owner });
  expect({ code, error: failure?.['error'] }).toEqual({ code: 3, error: 'role_unfit' });
  expect(failure?.['message']).toContain(why);
});

describe('the broker as the runtime role', () => {
  let fleet: Fleet;
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: owner });
    await client.connect();
    fleet = await startFleet(runtime, 1);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
    await client.end();
  });

  test('serves, refreshes, connects, disconnects and counts its seals', async () => {
    const api = new Api(fleet.replicas[0]?.url ?? '', await seedService(fleet, client));
    await seedGrants(fleet, client, ['fresh'], 3000);
    await seedGrants(fleet, client, ['expired'], 0);
    expect((await api.token('fresh')).status).toBe(200);
    expect((await api.token('expired')).status).toBe(200);
    await api.connect(
      { user_id: 'new', scope: 'https://www.googleapis.com/auth/yt-analytics.readonly' },
      { account: 'alice@example.com' },
    );
    expect((await api.token('new')).status).toBe(200);
    const { body } = await api.get('/users/new/grants');
    const [{ id } = { id: '' }] = body['grants'] as { id: string }[];
    expect((await api.delete(`/grants/${id}`, { mode: 'revoke' })).status).toBe(200);
    const made = await tokenBroker(
      ['service', 'create', 'by hand', '--client', 'default', '--scope', '*', '--user', '*'],
      fleet.settings,
    );
    expect(made).toMatchObject({ code: 0 });
    const used = await query(owner, 'SELECT kid FROM key_usage');
    const { keys } = JSON.parse(readFileSync(fleet.settings['KEY_RING_FILE'] ?? '', 'utf8')) as {
      keys: { kid: string; alg: string }[];
    };
    const kid = keys.find(({ alg }) => alg === 'A256GCM')?.kid ?? '';
    expect([[], [{ kid }]]).toContainEqual(used);
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    const [, sealed = '0'] = /^token_broker_seals_total\{key="[^"]+"\} (\d+)$/m.exec(metrics) ?? [];
    expect(Number(sealed)).toBeGreaterThan(3);
    await fleet.replicas[0]?.end('SIGTERM');
    // What was reserved ahead is given back.
    const [usage] = await query(owner, 'SELECT sum(seals)::int AS seals FROM key_usage');
    expect(usage?.['seals']).toBeGreaterThanOrEqual(Number(sealed));
    expect(usage?.['seals']).toBeLessThan(Number(sealed) + 50);
  }, 60_000);

  test('warns in the log of a key that sealed half of its maximum', async () => {
    const replica = await fleet.add();
    const { keys } = JSON.parse(readFileSync(fleet.settings['KEY_RING_FILE'] ?? '', 'utf8')) as {
      keys: { kid: string; alg: string }[];
    };
    const kid = keys.find(({ alg }) => alg === 'A256GCM')?.kid ?? '';
    await client.query('UPDATE key_usage SET seals = 2147483648 WHERE kid = $1', [kid]);
    const api = new Api(replica.url, await seedService(fleet, client));
    await api.post('/connect/tickets', {
      user_id: 'x',
      scope: 'https://www.googleapis.com/auth/yt-analytics.readonly',
    });
    await until(() => replica.log().includes('a sealing key nears its limit'));
    const metrics = await (await fetch(`${replica.url}/metrics`)).text();
    expect(metrics).toMatch(/^token_broker_key_seals\{key="[^"]+"\} 21474841\d\d$/m);
  }, 60_000);
});
