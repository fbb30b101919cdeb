import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { emptyDatabase, query, startTokenBroker } from './token-broker.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

const COLUMN = '29990101000000_note';

let bed: TestBed;
let folder: string;

beforeAll(async () => {
  bed = await startTestBed({ CACHE_USERS: '0' });
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
  cpSync('prisma/migrations', folder, { recursive: true });
  mkdirSync(join(folder, COLUMN));
  writeFileSync(join(folder, COLUMN, 'migration.sql'), 'ALTER TABLE grants ADD COLUMN note text; -- the end');
});
afterAll(() => bed.stop());

const url = () => bed.ownerUrl;

/** A report that reads until the test ends it. */
async function reader(name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url(), application_name: name });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT count(*) FROM grants');
  return client;
}

const records = () =>
  query(
    url(),
    `SELECT migration_name, finished_at IS NOT NULL AS finished, logs FROM _prisma_migrations WHERE migration_name = '${COLUMN}'`,
  );

const blocked = async (database: string) => Number((await query(database, BLOCKED_SESSIONS))[0]?.['count']);

// Other databases of the server are those of other tests.
const ADVISORY_LOCKS = `SELECT * FROM pg_locks WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

test('migrate names a long reader and gives up while calls go on, and the next run does the rest', async () => {
  const report = await reader('nightly report');
  const statuses: number[] = [];
  let slowest = 0;
  let isOver = false;
  const calls = (async () => {
    while (!(isOver as boolean)) {
      const began = performance.now();
      statuses.push((await bed.api.token('alice')).status);
      slowest = Math.max(slowest, performance.now() - began);
    }
  })();
  const said: string[] = [];
  const attempt = migrate(url(), folder, { waitMs: 6000, say: (line) => said.push(line) });
  await expect(attempt).rejects.toThrow(
    /did not get its lock on a table within 6 seconds; blocked by\n.*nightly report/,
  );
  isOver = true;
  await calls;
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(slowest).toBeLessThan(2500);
  expect(said).toEqual([
    expect.stringMatching(
      /^Waiting for a lock on a table, blocked by\n {2}process \d+ \(nightly report, role \w+, idle in transaction, \d+ s in its transaction\): SELECT count/,
    ),
  ]);
  expect(await records()).toEqual([]);

  await report.query('COMMIT');
  await report.end();
  expect(await migrate(url(), folder)).toEqual([COLUMN]);
  expect(await records()).toEqual([{ migration_name: COLUMN, finished: true, logs: null }]);
  // The old version runs on the newer schema.
  expect((await bed.api.token('alice')).status).toBe(200);
  expect(await query(url(), ADVISORY_LOCKS)).toEqual([]);
  await query(
    url(),
    `ALTER TABLE grants DROP COLUMN note; DELETE FROM _prisma_migrations WHERE migration_name = '${COLUMN}'`,
  );
  rmSync(folder, { recursive: true });
});

test('migrate waits for a reader that ends in time', async () => {
  const report = await reader('short report');
  const applying = migrate(url(), folder);
  await until(async () => (await blocked(url())) > 0);
  await report.query('COMMIT');
  await report.end();
  expect(await applying).toEqual([COLUMN]);
  await query(
    url(),
    `ALTER TABLE grants DROP COLUMN note; DELETE FROM _prisma_migrations WHERE migration_name = '${COLUMN}'`,
  );
});

test('migrate names the blocking sessions on standard error, and exits with 69', async () => {
  const database = await emptyDatabase();
  const other = new pg.Client({ connectionString: database, application_name: 'another user' });
  await other.connect();
  // As Prisma's own command does.
  await other.query('SELECT pg_advisory_lock(72707369)');
  const { code, stdout, stderr } = await startTokenBroker(['migrate', '--wait', '1'], {
    DATABASE_URL: database,
  }).finished;
  expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
  expect(stderr).toMatch(
    /^Waiting for another migration to end, blocked by\n {2}process \d+ \(another user, role \w+, idle\): SELECT pg_advisory_lock/,
  );
  expect(stderr).toMatch(
    /\nAnother migration did not end within 1 seconds; blocked by\n.*another user[^]*run `token-broker migrate` again, which is safe\.\n$/,
  );
  const json = await startTokenBroker(['migrate', '--wait', '0', '--json'], { DATABASE_URL: database })
    .finished;
  expect(JSON.parse(json.stderr)).toMatchObject({ error: 'database_busy', exit_code: 69 });
  await other.end();
  expect((await startTokenBroker(['migrate'], { DATABASE_URL: database }).finished).code).toBe(0);
});

test('the second of two runs of migrate waits for the first', async () => {
  const DATABASE_URL = await emptyDatabase();
  const both = await Promise.all([1, 2].map(() => startTokenBroker(['migrate'], { DATABASE_URL }).finished));
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both.map(({ stdout }) => stdout)).toContain('The database is up to date.\n');
});

test('a run of migrate that is killed while it waits does not affect the next run', async () => {
  const database = await emptyDatabase();
  await migrate(database, 'prisma/migrations');
  await query(
    database,
    `DELETE FROM _prisma_migrations WHERE migration_name LIKE '%refused_tokens'; ALTER TABLE access_tokens DROP COLUMN replaces_refused`,
  );
  const holder = new pg.Client({ connectionString: database });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE access_tokens IN ACCESS SHARE MODE');
  const running = startTokenBroker(['migrate'], { DATABASE_URL: database });
  await until(async () => (await blocked(database)) > 0);
  running.kill('SIGKILL');
  await running.finished;
  // Its session on the server gives up as well.
  await until(async () => (await blocked(database)) === 0);
  await holder.query('COMMIT');
  await holder.end();
  const { code, stdout } = await startTokenBroker(['migrate'], { DATABASE_URL: database }).finished;
  expect(code).toBe(0);
  expect(stdout).toContain('refused_tokens');
});

test('migrate refuses a faulty --wait as wrong usage', async () => {
  const { code, stderr } = await startTokenBroker(['migrate', '--wait', randomUUID()], {}).finished;
  expect(code).toBe(2);
  expect(stderr).toContain('--wait');
});
