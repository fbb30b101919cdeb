/** `migrate --distribute` with rows, interrupted at each step; and later migrations. Run by `npm run test:citus`. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isSpread } from '../src/token-store/spread/distribute.js';
import { AddressSource } from '../src/token-store/client/address-source.js';
import { Secret } from '../src/domain/secret.js';
import { startTokenBroker } from './cli/token-broker.js';
import { createEmptyDatabase, isCluster } from './support/cluster.js';
import { until } from './support/until.js';

const MIGRATIONS = 'prisma/migrations';
const USERS = 500;
const TABLES = ['grants', 'access_tokens', 'ads_trees', 'refresh_tokens', 'outbox_events', 'audit_trail'];

(isCluster ? describe : describe.skip)('a database of a cluster', () => {
  let url: string;
  let database: pg.Client;
  let folder: string;

  beforeAll(async () => {
    url = await createEmptyDatabase(`test_${randomUUID().replaceAll('-', '')}`);
    database = new pg.Client({ connectionString: url });
    await database.connect();
    folder = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
    cpSync(MIGRATIONS, folder, { recursive: true });
    expect((await startTokenBroker(['migrate'], { NODE_ENV: 'test', DATABASE_URL: url }).finished).code).toBe(
      0,
    );
  }, 60_000);
  afterAll(async () => {
    await database.end();
    rmSync(folder, { recursive: true });
  });

  const rows = async (sql: string, values: unknown[] = []) =>
    (await database.query<Record<string, unknown>>(sql, values)).rows;
  const counts = async () =>
    (
      await rows(`SELECT ${TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join()}`)
    )[0];

  test('is spread with its rows, however often that is interrupted', async () => {
    await database.query(`
      INSERT INTO grants (id, user_id, client, account_sub, status, refresh_token_issued_at, created_at, consented_at, sealed_refresh_token)
        SELECT gen_random_uuid(), 'user-' || n, 'default', '1', 'active', now(), now(), now(), 'sealed'
        FROM generate_series(1, ${USERS}) AS n;
      INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
        SELECT user_id, id, 'scope', 'sealed', now(), now() + interval '1 hour' FROM grants;
      INSERT INTO ads_trees (user_id, grant_id, tree, synced_at) SELECT user_id, id, '{}', now() FROM grants;
      INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, last_used_at, prefix_hash, sha512_hash)
        SELECT user_id, decode(md5(user_id), 'hex'), '1', 'default', id, now(), now(), '', '' FROM grants;
      INSERT INTO outbox_events (user_id, id, type, payload, created_at, next_attempt_at)
        SELECT user_id, 'msg_' || id, 'grant.connected', '{}', now(), now() FROM grants;
      INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, user_id)
        SELECT gen_random_uuid(), now(), now(), 'grant.connect', 'ok', 'user', CASE WHEN user_id <> 'user-1' THEN user_id END
        FROM grants`);
    const before = await counts();
    const distribute = () =>
      startTokenBroker(['migrate', '--distribute'], { NODE_ENV: 'test', DATABASE_URL: url });
    let code: number | null = null;
    let last = '';
    for (let lines = 1; code === null; lines++) {
      const running = distribute();
      const printed = () => {
        const { stdout, stderr } = running.printed();
        return `${stdout}${stderr}`.split('\n').length;
      };
      let isOver = false;
      const end = running.finished.finally(() => (isOver = true));
      await until(() => isOver || printed() > lines, 60_000);
      running.kill('SIGKILL');
      const done = await end;
      ({ code } = done);
      last = done.stderr + done.stdout;
      expect(lines).toBeLessThan(40);
    }
    if (code !== 0) process.stderr.write(last);
    expect(code).toBe(0);
    const source = new AddressSource(new Secret(url));
    expect(await isSpread(source)).toBe(true);
    expect(await counts()).toEqual(before);
    const { rows: spread } = await database.query<{ name: string }>(
      'SELECT logicalrelid::text AS name FROM pg_dist_partition',
    );
    expect(spread.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLES));
    const disabled = `SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'`;
    expect(await rows('SELECT result FROM run_command_on_all_nodes($1)', [disabled])).toEqual(
      Array(3).fill({ result: '0' }),
    );
    // No copy is left at the coordinator.
    expect(
      await rows(
        `SELECT relid::text FROM unnest($1::regclass[]) AS t, pg_partition_tree(t) WHERE pg_relation_size(relid) > 0`,
        [TABLES],
      ),
    ).toEqual([]);
    expect((await distribute().finished).stdout).not.toMatch(/Spreading|Making|Dropping/);
  }, 300_000);

  test('gets a later migration statement by statement, and goes on where it was interrupted', async () => {
    mkdirSync(join(folder, '29990101000000_later'));
    writeFileSync(
      join(folder, '29990101000000_later', 'migration.sql'),
      `ALTER TABLE grants ADD COLUMN later int;
       CREATE INDEX grants_later ON grants (later);
       ALTER TABLE access_tokens ADD COLUMN later int;
       UPDATE access_tokens SET later = 1;`,
    );
    await database.query('BEGIN');
    await database.query('LOCK TABLE access_tokens IN ACCESS SHARE MODE');
    const module = resolve('dist/src/token-store/migrations/migrate.js');
    const run = `const { migrate } = await import(${JSON.stringify(module)}); await migrate(...${JSON.stringify([url, folder])})`;
    // In a process of its own: Prisma's engine does not survive an interruption.
    const migrateLater = () =>
      spawn(process.execPath, ['--input-type=module', '-e', run], { stdio: 'inherit' });
    const interrupted = migrateLater();
    const ended = once(interrupted, 'close');
    const steps = 'SELECT FROM spread_migration_steps';
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await until(async () => (await other.query(steps).catch(() => ({ rowCount: 0 }))).rowCount === 2);
    interrupted.kill('SIGKILL');
    await ended;
    await database.query('COMMIT');
    expect(await once(migrateLater(), 'close')).toEqual([0, null]);
    expect((await other.query(steps)).rowCount).toBe(0);
    await other.end();
    expect(await rows('SELECT DISTINCT later FROM access_tokens')).toEqual([{ later: 1 }]);
    expect(await rows('SELECT DISTINCT later FROM grants')).toEqual([{ later: null }]);
    const made = await rows(`SELECT success FROM run_command_on_workers(
      $$ SELECT 1 FROM pg_indexes WHERE indexname LIKE 'grants_later%' LIMIT 1 $$)`);
    expect(made.map(({ success }) => success)).toEqual([true, true]);
  }, 120_000);
});
