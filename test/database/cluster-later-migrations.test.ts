/** Migrations of a database whose tables are distributed: interrupted, failed, and run again. Run by `npm run test:citus`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isCluster, servers } from '../support/cluster.js';
import { startTokenBroker } from '../cli/token-broker.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

const NAME = '29990101000000_later';

(isCluster ? describe : describe.skip)('a later migration of distributed tables', () => {
  let url: string;
  let database: pg.Client;
  let folder: string;

  beforeEach(async () => {
    url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    folder = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
    cpSync('prisma/migrations', folder, { recursive: true });
    mkdirSync(join(folder, NAME));
  }, 60_000);
  afterEach(async () => {
    await database.end();
    rmSync(folder, { recursive: true });
  });

  const write = (sql: string) => {
    writeFileSync(join(folder, NAME, 'migration.sql'), sql);
  };
  const rows = async (sql: string, values: unknown[] = []) =>
    (await database.query<Record<string, unknown>>(sql, values)).rows;
  const columns = async () =>
    (
      await rows(
        `SELECT attrelid::regclass::text || '.' || attname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relkind = 'r' AND attname LIKE 'later%' ORDER BY 1`,
      )
    ).map(({ name }) => name);
  const steps = async () => (await rows('SELECT FROM distributed_migration_steps')).length;
  const records = () =>
    rows('SELECT finished_at IS NOT NULL AS finished FROM _prisma_migrations WHERE migration_name = $1', [
      NAME,
    ]);

  /** In a process of its own: Prisma's engine does not survive an interruption. */
  function start(options: Record<string, unknown> = {}): { child: ChildProcess; end: Promise<Ended> } {
    const module = resolve('dist/src/token-store/migrations/migrate.js');
    const run = `const { migrate } = await import(${JSON.stringify(module)});
      console.log((await migrate(...${JSON.stringify([url, folder, options])})).join())`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', run]);
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (printed += data.toString()));
    const end = once(child, 'close').then(([code]: unknown[]) => ({ code: code as number | null, printed }));
    return { child, end };
  }
  const migrateLater = () => start().end;

  /** SIGKILL for the process, and the end of what its session still does. */
  async function kill(running: ReturnType<typeof start>, where: string): Promise<void> {
    running.child.kill('SIGKILL');
    expect((await running.end).code).toBeNull();
    await rows(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE ${where}`);
  }
  const isAny = (where: string) =>
    until(async () => (await rows(`SELECT FROM pg_stat_activity WHERE ${where}`)).length > 0);

  test('goes on where it was killed between its statements', async () => {
    write(`
      ALTER TABLE grants ADD COLUMN later int;
      CREATE INDEX grants_later ON grants (later);
      ALTER TABLE access_tokens ADD COLUMN later int;
      UPDATE access_tokens SET later = 1;`);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE access_tokens IN ACCESS SHARE MODE');
    const running = start();
    await until(async () => (await steps().catch(() => 0)) === 2);
    await kill(running, `query LIKE '/* token-broker migrate%'`);
    await other.end();
    expect(await migrateLater()).toEqual({ code: 0, printed: `${NAME}\n` });
    expect([await columns(), await steps(), await records()]).toEqual([
      ['access_tokens.later', 'grants.later'],
      0,
      [{ finished: true }],
    ]);
    const made = await rows(`SELECT success FROM run_command_on_workers(
      $$ SELECT 1 FROM pg_indexes WHERE indexname LIKE 'grants_later%' LIMIT 1 $$)`);
    expect(made.map(({ success }) => success)).toEqual((servers ?? []).slice(1).map(() => true));
  }, 60_000);

  test('goes on at a statement that failed, whichever that was and however often', async () => {
    write(`
      CREATE TABLE later_first AS SELECT * FROM missing_first;
      ALTER TABLE grants ADD COLUMN later int;
      CREATE TABLE later_second AS SELECT * FROM missing_second;
      ALTER TABLE access_tokens ADD COLUMN later int;`);
    for (const attempt of [1, 2]) {
      const { code, printed } = await migrateLater();
      expect([attempt, code]).toEqual([attempt, 1]);
      expect(printed).toContain('missing_first');
    }
    await rows('CREATE TABLE missing_first ()');
    for (const attempt of [1, 2]) {
      const { code, printed } = await migrateLater();
      expect([attempt, code]).toEqual([attempt, 1]);
      expect(printed).toContain(`The migration ${NAME} failed at its statement 3 of 4`);
      expect(printed).toContain('missing_second');
      expect(await columns()).toEqual(['grants.later']);
      expect(await records()).toEqual([{ finished: false }]);
    }
    await rows('CREATE TABLE missing_second ()');
    expect(await migrateLater()).toEqual({ code: 0, printed: `${NAME}\n` });
    expect([await columns(), await steps(), await records()]).toEqual([
      ['access_tokens.later', 'grants.later'],
      0,
      [{ finished: true }],
    ]);
    expect(await migrateLater()).toEqual({ code: 0, printed: '\n' });
  }, 60_000);

  test('that fails is exit code 3 of the command line, with what the server said', async () => {
    const name = '20261129000003_ledger_former_indexes';
    await rows('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]);
    for (const attempt of [1, 2]) {
      const env = { NODE_ENV: 'test', DATABASE_URL: url };
      const { code, stderr } = await startTokenBroker(['migrate', '--json'], env).finished;
      expect([attempt, code, JSON.parse(stderr)]).toMatchObject([attempt, 3, { error: 'migration_failed' }]);
      expect(stderr).toMatch(new RegExp(`${name} failed at its statement 1 of 3; .*index .* does not exist`));
    }
  }, 60_000);

  test('goes on once a worker that was away is back', async () => {
    write(`
      ALTER TABLE grants ADD COLUMN later int;
      ALTER TABLE access_tokens ADD COLUMN later int;
      CREATE INDEX CONCURRENTLY IF NOT EXISTS "later_concurrent" ON "grants" ("later");`);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE access_tokens IN ACCESS SHARE MODE');
    const running = start();
    await until(async () => (await steps().catch(() => 0)) === 1);
    await setAway(true);
    await other.end();
    expect((await running.end).code).toBe(1);
    expect((await migrateLater()).code).toBe(1);
    await setAway(false);
    expect(await migrateLater()).toEqual({ code: 0, printed: `${NAME}\n` });
    expect([await columns(), await steps()]).toEqual([['access_tokens.later', 'grants.later'], 0]);
  }, 60_000);

  test('that was killed after its last statement is finished, and does not begin again', async () => {
    write('ALTER TABLE grants ADD COLUMN later int; ALTER TABLE access_tokens ADD COLUMN later int;');
    // What the engine does once the last statement has ended.
    await rows(
      `CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$`,
    );
    await rows(`CREATE TRIGGER sleeping BEFORE UPDATE ON _prisma_migrations FOR EACH ROW
      WHEN (NEW.applied_steps_count <> OLD.applied_steps_count) EXECUTE FUNCTION sleep()`);
    const running = start();
    await isAny(`wait_event = 'PgSleep'`);
    expect(await columns()).toEqual(['access_tokens.later', 'grants.later']);
    await kill(running, `wait_event = 'PgSleep'`);
    await rows('DROP TRIGGER sleeping ON _prisma_migrations');
    expect(await migrateLater()).toEqual({ code: 0, printed: '\n' });
    expect([await steps(), await records()]).toEqual([0, [{ finished: true }]]);
  }, 60_000);

  test('builds an index CONCURRENTLY for as long as others read, and again after it was killed', async () => {
    write('CREATE INDEX CONCURRENTLY IF NOT EXISTS "later_concurrent" ON "refresh_tokens" ("issued_at")');
    const isValid = () =>
      rows(`SELECT indisvalid AS is FROM pg_index WHERE indexrelid = to_regclass('later_concurrent')`);
    const waiting = `wait_event_type = 'Lock' AND query LIKE '%CREATE INDEX CONCURRENTLY%later_concurrent%'`;
    const report = new pg.Client({ connectionString: url });
    await report.connect();
    await report.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM refresh_tokens');
    // It gives up at once where it waits with a limit.
    const killed = start({ waitMs: 0 });
    const ended = killed.end.then(({ printed }) => {
      throw new Error(printed);
    });
    ended.catch(() => undefined);
    const isLong = `clock_timestamp() - state_change > interval '2 seconds'`;
    await Promise.race([isAny(`${waiting} AND ${isLong}`), ended]);
    await kill(killed, waiting);
    expect(await isValid()).toEqual([{ is: false }]);
    await report.query('COMMIT');
    expect(await migrateLater()).toEqual({ code: 0, printed: `${NAME}\n` });
    expect(await isValid()).toEqual([{ is: true }]);
    await report.end();
  }, 60_000);

  /** Whether the last worker lets no session into the database. */
  async function setAway(isAway: boolean): Promise<void> {
    const worker = new pg.Client({ connectionString: `${servers?.at(-1) ?? ''}postgres` });
    await worker.connect();
    const name = new URL(url).pathname.slice(1);
    await worker.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${!isAway}`);
    if (isAway)
      await worker.query('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1', [
        name,
      ]);
    await worker.end();
  }
});

interface Ended {
  readonly code: number | null;
  readonly printed: string;
}
