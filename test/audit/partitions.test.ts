import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { type AuditRow, writeAuditRows } from '../../src/token-store/audit/audit-rows.js';
import { isCluster } from '../support/cluster.js';
import { exhaustive } from '../support/exhaustive.js';
import { createDatabase } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

/** The audit trail by months: how a table with rows becomes one, how months come and go. */
const MIGRATIONS = 'prisma/migrations';
const FIRST = '20261128040000_audit_trail';
const LAST = '20261128040005_audit_trail_attached';

const names = () =>
  readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** What the version before this one sends. */
const WRITE = writeAuditRows({ isDistributed: () => false }, []).text;
const OLD_WRITE = WRITE.replace('audit_trail', 'audit_events').replace('CONFLICT DO', 'CONFLICT (id) DO');
const row = (at: string, userId: string | null = 'alice', id: string = randomUUID()) => ({
  id,
  at,
  lastAt: at,
  count: 1,
  action: 'grant.disconnect',
  outcome: 'ok',
  actor: 'reports',
  userId,
  details: {},
});
const inDays = (days: number) => new Date(Date.now() + days * 24 * 3600_000).toISOString();

let url: string;
let database: pg.Client;
const rows = async <Row extends object = Record<string, unknown>>(sql: string, values: unknown[] = []) =>
  (await database.query<Row>(sql, values)).rows;
const write = (statement: string, ...events: object[]) => rows(statement, [JSON.stringify(events)]);
const places = async (ids: string[]) =>
  Object.fromEntries(
    (
      await rows<{ id: string; place: string }>(
        // On a cluster a part of it, with a number.
        String.raw`SELECT id, regexp_replace(tableoid::regclass::text, '_\d{6,}$', '') AS place FROM audit_trail WHERE id = ANY ($1)`,
        [ids],
      )
    ).map(({ id, place }) => [id, place]),
  );

async function connect(to: string): Promise<void> {
  url = to;
  database = new pg.Client({ connectionString: url });
  await database.connect();
}

/** What is distributed was migrated to this version before. */
const ofOneServer = isCluster ? { describe: describe.skip, test: test.skip } : exhaustive;

ofOneServer.describe('a trail of the version before', () => {
  let earlier: string;
  let role: string;
  const far = row(inDays(3650), 'far');
  beforeAll(async () => {
    earlier = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
    mkdirSync(earlier, { recursive: true });
    cpSync(join(MIGRATIONS, 'migration_lock.toml'), join(earlier, 'migration_lock.toml'));
    for (const name of names()) {
      if (name < FIRST) cpSync(join(MIGRATIONS, name), join(earlier, name), { recursive: true });
    }
    const base = process.env['TEST_POSTGRES_URL'] ?? '';
    const name = `trail_${randomUUID().replaceAll('-', '')}`;
    role = `reader_${name}`;
    const admin = new pg.Client({ connectionString: `${base}postgres` });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.query(`CREATE ROLE ${role}`);
    await admin.end();
    await connect(`${base}${name}`);
    await migrate(url, earlier);
    await rows(
      `INSERT INTO audit_events (id, at, last_at, action, outcome, actor, user_id)
       SELECT gen_random_uuid(), t, t, 'token.issue', 'ok', 'reports', 'user-' || n
       FROM generate_series(1, 5000) AS n, LATERAL (SELECT now() - n * interval '2 hours' AS t) AS _`,
    );
    await write(OLD_WRITE, far);
    await rows(`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO ${role}`);
    await rows(`GRANT SELECT, INSERT ON audit_events TO ${role}`);
    await rows(`GRANT EXECUTE ON FUNCTION prune_audit_events(timestamptz, integer) TO ${role}`);
  }, 60_000);
  afterAll(async () => {
    await database.end();
    rmSync(earlier, { recursive: true, force: true });
  });

  const files = () =>
    rows<{ name: string; file: string }>(
      `SELECT relname::text AS name, pg_relation_filenode(oid)::text AS file FROM pg_class
       WHERE oid = 'audit_events'::regclass
         OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'audit_events'::regclass) ORDER BY 1`,
    );

  test('becomes the first partition as it is, with no row lost or copied and no index built while it is locked', async () => {
    const ids = await rows('SELECT id, at, sequence, user_id, details FROM audit_events ORDER BY id');
    const before = await files();
    await migrate(url, MIGRATIONS);
    const after = await files();
    expect(await rows('SELECT id, at, sequence, user_id, details FROM audit_trail ORDER BY id')).toEqual(ids);
    // Its file, and those of its indexes but for the primary key, are the same ones.
    const kept = before.filter(({ name }) => !/_(pkey|sequence_key)$/.test(name));
    expect(after).toEqual(expect.arrayContaining(kept));
    // Those that are there besides were built before, CONCURRENTLY: PostgreSQL would have named its own `..._idx`.
    expect(after.map(({ name }) => name).filter((name) => !kept.some((each) => each.name === name))).toEqual([
      'audit_events_id',
      'audit_events_pkey',
      'audit_events_recorded',
    ]);
    expect((await places([far.id]))[far.id]).toBe('audit_trail_default');
  }, 60_000);

  test('keeps its readers and writers, with no right more than they had', async () => {
    const rights = await rows(
      `SELECT relname::text AS name, string_agg(privilege_type, ', ' ORDER BY privilege_type) AS rights
       FROM pg_class, aclexplode(relacl) AS acl
       WHERE relname LIKE 'audit\\_%' AND relname <> 'audit_retention' AND acl.grantee = $1::regrole GROUP BY 1 ORDER BY 1`,
      [role],
    );
    expect(rights).toEqual([
      { name: 'audit_events', rights: 'INSERT, SELECT' },
      { name: 'audit_trail', rights: 'INSERT, SELECT' },
    ]);
    const [may] = await rows(
      `SELECT has_function_privilege($1, 'create_audit_partitions(integer)', 'EXECUTE') AS makes,
         has_function_privilege($1, 'drop_audit_partition(timestamptz)', 'EXECUTE') AS drops,
         has_function_privilege($1, 'redirect_audit_event()', 'EXECUTE') AS redirects`,
      [role],
    );
    expect(may).toEqual({ makes: true, drops: true, redirects: false });
  });

  test('is written by the version before and by this one, each event once, also where a batch comes again', async () => {
    const [old, late, recent] = [row(inDays(0)), row(inDays(120)), row(inDays(0))];
    for (let attempt = 0; attempt < 2; attempt++) {
      await write(OLD_WRITE, old, late);
      await write(WRITE, recent);
    }
    const found = await places([old.id, late.id, recent.id]);
    expect(found).toEqual({
      [old.id]: 'audit_events',
      [late.id]: expect.not.stringMatching(/^audit_events$/),
      [recent.id]: 'audit_events',
    });
    // What it reads, too.
    expect(await rows('SELECT id FROM audit_events WHERE id = $1', [recent.id])).toHaveLength(1);
    const counts = await rows('SELECT id FROM audit_trail WHERE id = ANY ($1)', [
      [old.id, late.id, recent.id],
    ]);
    expect(counts).toHaveLength(3);
  });

  test('is pruned by the version before, in its own batches', async () => {
    await rows('UPDATE audit_retention SET days = 300');
    const [first] = await rows<{ n: number }>(`SELECT prune_audit_events(now(), 500) AS n`);
    expect(first?.n).toBe(500);
    await until(
      async () => (await rows<{ n: number }>('SELECT prune_audit_events(now(), 500) AS n'))[0]?.n === 0,
    );
    const [left] = await rows(`SELECT min(at) > now() - interval '300 days' AS young FROM audit_trail`);
    expect(left).toEqual({ young: true });
  });
});

ofOneServer.test(
  'a migration goes on after an index that was interrupted',
  async () => {
    await connect(await createDatabase());
    await rows('DELETE FROM _prisma_migrations WHERE migration_name >= $1', ['20261128040003']);
    await rows('DROP INDEX audit_trail_recorded');
    // As a session that ends in the middle of CREATE INDEX CONCURRENTLY leaves it.
    await rows('CREATE INDEX audit_events_recorded ON audit_events (at)');
    await rows(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'audit_events_recorded'::regclass`);
    const only = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
    cpSync(MIGRATIONS, only, { recursive: true });
    for (const name of names()) if (name > '20261128040004') rmSync(join(only, name), { recursive: true });
    try {
      await migrate(url, only);
      const [index] = await rows(
        `SELECT pg_get_indexdef(indexrelid) AS text, indisvalid FROM pg_index
       WHERE indexrelid = 'audit_events_recorded'::regclass`,
      );
      expect(index).toEqual({ indisvalid: true, text: expect.stringContaining('COALESCE(recorded_at, at)') });
    } finally {
      rmSync(only, { recursive: true, force: true });
      await database.end();
    }
  },
  60_000,
);

describe('the months', () => {
  beforeEach(async () => {
    await connect(await createDatabase());
    // As they are once the first one is gone.
    await detach('audit_events');
    for (const { name } of await partitions()) await rows(`DROP TABLE ${name}`);
  });
  afterEach(() => database.end());

  const partitions = () =>
    rows<{ name: string; starts: Date; ends: Date }>(
      'SELECT name, starts, ends FROM audit_partitions() ORDER BY starts',
    );
  const record = (...events: ReturnType<typeof row>[]) => {
    const { text, values } = writeAuditRows(
      { isDistributed: () => isCluster },
      events as unknown as AuditRow[],
    );
    return rows(text, [...values]);
  };
  const detach = async (partition: string) => {
    await rows(`ALTER TABLE audit_trail DETACH PARTITION ${partition}`);
    await rows(`DROP TABLE ${partition}`);
  };
  const create = async (client = database) =>
    (await client.query<{ made: string[] }>('SELECT create_audit_partitions(3) AS made')).rows[0]?.made ?? [];
  const drop = async (before = inDays(0)) =>
    (await rows<{ dropped: string | null }>('SELECT drop_audit_partition($1) AS dropped', [before]))[0]
      ?.dropped;
  const nameOf = (months: number) => {
    const now = new Date();
    const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months));
    return `audit_trail_${first.toISOString().slice(0, 7).replace('-', '_')}`;
  };

  test('are made ahead, each once, by several replicas at the same time', async () => {
    const clients = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        // What a role's or a server's time zone is changes no month.
        await client.query(`SET timezone = 'Pacific/Kiritimati'; SET datestyle = 'SQL, DMY'`);
        return client;
      }),
    );
    const made = await Promise.all(clients.map((client) => create(client)));
    await Promise.all(clients.map((client) => client.end()));
    expect(made.flat().sort()).toEqual([0, 1, 2, 3].map(nameOf));
    const found = await partitions();
    expect(found.map(({ name }) => name)).toEqual([0, 1, 2, 3].map(nameOf));
    for (const [index, { starts, ends }] of found.entries()) {
      expect(starts.toISOString()).toMatch(/-01T00:00:00\.000Z$/);
      if (index > 0) expect(starts).toEqual(found[index - 1]?.ends);
      expect(ends.getTime() - starts.getTime()).toBeGreaterThan(27 * 24 * 3600_000);
    }
    expect(await create()).toEqual([]);
  });

  test('that are missing lose nothing, since their events wait in the default partition and move once they are made', async () => {
    const [now, later] = [row(inDays(0)), row(inDays(3650))];
    await record(now, later);
    expect(await places([now.id, later.id])).toEqual({
      [now.id]: 'audit_trail_default',
      [later.id]: 'audit_trail_default',
    });
    await create();
    expect(await places([now.id, later.id])).toEqual({
      [now.id]: nameOf(0),
      [later.id]: 'audit_trail_default',
    });
    await record(now);
    expect(await rows('SELECT id FROM audit_trail WHERE id = $1', [now.id])).toHaveLength(1);
  });

  test('are dropped whole once every event of them is older than the retention, and no sooner', async () => {
    await rows(`CREATE TABLE audit_trail_2020_01 PARTITION OF audit_trail
        FOR VALUES FROM ('2020-01-01T00:00:00Z') TO ('2020-02-01T00:00:00Z')`);
    await create();
    const [old, older, now] = [row('2020-01-31T23:59:59Z'), row('2019-07-01T00:00:00Z'), row(inDays(0))];
    await record(old, older, now);
    await rows(`UPDATE audit_retention SET days = (now()::date - '2020-02-01'::date) + 1`);
    expect(await drop()).toBeNull();
    await rows(`UPDATE audit_retention SET days = (now()::date - '2020-02-01'::date) - 1`);
    // A broker that asks for less is not served sooner, nor one that asks for more later.
    expect(await drop('2020-01-31T23:59:59Z')).toBeNull();
    expect(await drop()).toBe('audit_trail_2020_01');
    expect(await drop()).toBeNull();
    expect(await rows(`SELECT to_regclass('audit_trail_2020_01') AS gone`)).toEqual([{ gone: null }]);
    expect(Object.keys(await places([old.id, older.id, now.id])).sort()).toEqual([older.id, now.id].sort());
    // What has no month of its own is deleted in batches.
    expect(await rows('SELECT prune_audit_events(now(), 1000) AS n')).toEqual([{ n: 1 }]);
    expect(Object.keys(await places([older.id, now.id]))).toEqual([now.id]);
  });

  exhaustive.test(
    'are dropped later while a reader holds them, and no other reader waits long behind that',
    async () => {
      await rows(`CREATE TABLE audit_trail_2020_01 PARTITION OF audit_trail
        FOR VALUES FROM ('2020-01-01T00:00:00Z') TO ('2020-02-01T00:00:00Z')`);
      const reader = new pg.Client({ connectionString: url });
      await reader.connect();
      await reader.query('BEGIN; SELECT count(*) FROM audit_trail');
      const dropping = drop();
      await until(
        async () => Number((await reader.query<{ count: string }>(BLOCKED_SESSIONS)).rows[0]?.count) > 0,
      );
      expect(await dropping).toBeNull();
      await reader.query('COMMIT');
      await reader.end();
      expect(await drop()).toBe('audit_trail_2020_01');
    },
  );

  ofOneServer.test('take writers while one is made', async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await create();
    await detach(nameOf(2));
    await client.query('BEGIN');
    expect(await create(client)).toEqual([nameOf(2)]);
    await rows(`SET lock_timeout = '3s'`);
    const now = row(inDays(0));
    await record(now);
    await client.query('COMMIT');
    await client.end();
    expect(await places([now.id])).toEqual({ [now.id]: nameOf(0) });
  });
});

test('only the migrations and what still serves the version before know the table of before', () => {
  const naming = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('prisma-client'))
    .filter((path) => /(?<!prune_)\baudit_events\b/.test(readFileSync(join('src', path), 'utf8')));
  expect(naming.toSorted()).toEqual([
    // Ends what serves it, where the trail is distributed.
    join('token-store', 'distributed', 'distribute.ts'),
    join('token-store', 'migrations', 'runtime-privileges.ts'),
  ]);
  expect(names()).toEqual(expect.arrayContaining([FIRST, LAST]));
});
