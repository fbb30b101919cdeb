/** `migrate --distribute` with rows, interrupted at each step; and later migrations. Run by `npm run test:citus`. */
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isSpread } from '../src/token-store/spread/distribute.js';
import { migrate } from '../src/token-store/migrations/migrate.js';
import { AddressSource } from '../src/token-store/client/address-source.js';
import { Secret } from '../src/domain/secret.js';
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
    await migrate(url, MIGRATIONS);
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
  const endMigration = () =>
    rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'token-broker migrate'`);

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
    const source = new AddressSource(new Secret(url));
    let isDone = false;
    for (let step = 1; !isDone; step++) {
      let said = 0;
      const say = () => {
        said++;
        if (said === step) void endMigration();
      };
      isDone = await migrate(url, MIGRATIONS, { spread: true, say }).then(
        () => said < step,
        () => false,
      );
      expect(step).toBeLessThan(60);
    }
    expect(await isSpread(source)).toBe(true);
    expect(await counts()).toEqual(before);
    const { rows: spread } = await database.query<{ name: string }>(
      'SELECT logicalrelid::text AS name FROM pg_dist_partition',
    );
    expect(spread.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLES));
    // No copy is left at the coordinator.
    expect(
      await rows(
        `SELECT relid::text FROM unnest($1::regclass[]) AS t, pg_partition_tree(t) WHERE pg_relation_size(relid) > 0`,
        [TABLES],
      ),
    ).toEqual([]);
    const said: string[] = [];
    await migrate(url, MIGRATIONS, { spread: true, say: (line) => said.push(line) });
    expect(said).toEqual([]);
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
    const interrupted = migrate(url, folder).catch(() => 'interrupted');
    const steps = 'SELECT FROM spread_migration_steps';
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await until(async () => (await other.query(steps).catch(() => ({ rowCount: 0 }))).rowCount === 2);
    await other.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'token-broker migrate'`);
    await database.query('COMMIT');
    await interrupted;
    await migrate(url, folder);
    expect((await other.query(steps)).rowCount).toBe(0);
    await other.end();
    expect(await rows('SELECT DISTINCT later FROM access_tokens')).toEqual([{ later: 1 }]);
    expect(await rows('SELECT DISTINCT later FROM grants')).toEqual([{ later: null }]);
    const made = await rows(`SELECT success FROM run_command_on_workers(
      $$ SELECT 1 FROM pg_indexes WHERE indexname LIKE 'grants_later%' LIMIT 1 $$)`);
    expect(made.map(({ success }) => success)).toEqual([true, true]);
    expect(await migrate(url, folder)).toEqual([]);
  }, 120_000);
});
