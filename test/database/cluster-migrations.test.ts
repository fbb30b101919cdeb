/** `migrate --distribute` with rows, interrupted at each step. Run by `npm run test:citus`. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { distributionState } from '../../src/token-store/distributed/distribution-state.js';
import { AddressSource } from '../../src/token-store/client/address-source.js';
import { Secret } from '../../src/domain/secret.js';
import { startTokenBroker } from '../cli/token-broker.js';
import { createEmptyDatabase, isCluster, servers } from '../support/cluster.js';
import { until } from '../support/until.js';

const USERS = 500;
const TABLES = ['grants', 'access_tokens', 'ads_trees', 'refresh_tokens', 'outbox_events', 'audit_trail'];

(isCluster ? describe : describe.skip)('a database of a cluster', () => {
  let url: string;
  let database: pg.Client;

  beforeAll(async () => {
    url = await createEmptyDatabase(`test_${randomUUID().replaceAll('-', '')}`);
    database = new pg.Client({ connectionString: url });
    await database.connect();
    expect((await startTokenBroker(['migrate'], { NODE_ENV: 'test', DATABASE_URL: url }).finished).code).toBe(
      0,
    );
  }, 60_000);
  afterAll(() => database.end());

  const rows = async (sql: string, values: unknown[] = []) =>
    (await database.query<Record<string, unknown>>(sql, values)).rows;
  const counts = async () =>
    (
      await rows(`SELECT ${TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join()}`)
    )[0];

  test('is distributed with its rows, however often that is interrupted', async () => {
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
    const source = new AddressSource(new Secret(url));
    let code: number | null = null;
    let last = '';
    let interrupted = 0;
    // After one line that it prints, after two, and after three, so that each run comes further.
    for (let run = 0; code === null; run++) {
      const lines = 1 + (run % 3);
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
      if (code === null) interrupted++;
      expect(run).toBeLessThan(60);
    }
    if (code !== 0) process.stderr.write(last);
    expect(code).toBe(0);
    expect(interrupted).toBeGreaterThanOrEqual(TABLES.length);
    expect(await distributionState(source)).toBe('distributed');
    expect(await rows(`SELECT to_regclass('distributed_unfinished') AS left`)).toEqual([{ left: null }]);
    expect(await counts()).toEqual(before);
    const { rows: distributed } = await database.query<{ name: string }>(
      'SELECT logicalrelid::text AS name FROM pg_dist_partition',
    );
    expect(distributed.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLES));
    const disabled = `SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'`;
    expect(await rows('SELECT result FROM run_command_on_all_nodes($1)', [disabled])).toEqual(
      (servers ?? []).map(() => ({ result: '0' })),
    );
    // No copy is left at the coordinator.
    expect(
      await rows(
        `SELECT relid::text FROM unnest($1::regclass[]) AS t, pg_partition_tree(t) WHERE pg_relation_size(relid) > 0`,
        [TABLES],
      ),
    ).toEqual([]);
    expect((await distribute().finished).stdout).not.toMatch(/Distributing|Making|Dropping/);
  }, 300_000);

  test('that cannot be distributed has its triggers as before, is not ready where some tables are distributed, and says so', async () => {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    const other = await createEmptyDatabase(name);
    const source = new AddressSource(new Secret(other));
    const client = new pg.Client({ connectionString: other });
    await client.connect();
    const run = (...args: string[]) =>
      startTokenBroker(['migrate', ...args], { NODE_ENV: 'test', DATABASE_URL: other }).finished;
    const triggers = async () =>
      (
        await client.query<{ name: string; mode: string }>(
          `SELECT tgname AS name, tgenabled AS mode FROM pg_trigger
           WHERE tgrelid IN ('grants'::regclass, 'access_tokens'::regclass) AND NOT tgisinternal AND tgname NOT LIKE 'truncate%'
           ORDER BY 1`,
        )
      ).rows;
    const unfinished = async () =>
      (await client.query<{ is: boolean }>(`SELECT to_regclass('distributed_unfinished') IS NOT NULL AS is`))
        .rows[0]?.is;
    await client.query(`ALTER DATABASE ${name} SET statement_timeout = '200ms'`);
    expect(await run('--distribute')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^At the server .* have statement_timeout = 200, /) as unknown,
    });
    for (const server of servers?.slice(1) ?? []) {
      const worker = new pg.Client({ connectionString: `${server}${name}` });
      await worker.connect();
      await worker.query('SET citus.enable_ddl_propagation = off');
      await worker.query(`ALTER DATABASE ${name} RESET statement_timeout`);
      await worker.end();
    }
    expect((await client.query(`SELECT to_regclass('_prisma_migrations') AS made`)).rows).toEqual([
      { made: null },
    ]);
    expect((await run()).code).toBe(0);
    // The operator's own.
    await client.query('ALTER TABLE access_tokens DISABLE TRIGGER access_tokens_emptied');
    const before = await triggers();
    expect(before.filter(({ mode }) => mode === 'D')).toHaveLength(1);
    const key = `SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conname = 'ads_trees_user_id_grant_id_fkey'`;
    const keys = (await client.query(key)).rows;

    // A key that several servers cannot keep.
    await client.query('CREATE UNIQUE INDEX mine ON grants (id, version)');
    expect((await run('--distribute')).code).not.toBe(0);
    expect([await triggers(), await unfinished(), (await client.query(key)).rows]).toEqual([
      before,
      false,
      keys,
    ]);
    expect(await distributionState(source)).toBe('one server');
    await client.query('DROP INDEX mine');

    await client.query('CREATE UNIQUE INDEX mine ON refresh_tokens (fingerprint, issued_at)');
    expect((await run('--distribute')).code).not.toBe(0);
    expect([await triggers(), await unfinished()]).toEqual([before, true]);
    expect(await distributionState(source)).toBe('in part');
    const plain = await run();
    expect(plain).toMatchObject({ code: 0 });
    expect(plain.stderr).toMatch(/only in part/);
    await client.query('DROP INDEX mine');

    expect(await run('--distribute')).toMatchObject({ code: 0 });
    expect([await triggers(), await unfinished()]).toEqual([before, false]);
    expect(await distributionState(source)).toBe('distributed');
    await client.end();
  }, 120_000);

  test('with functions of another version alone is distributed, and not ready until it is migrated', async () => {
    const take = 'distributed_take_lease(text, uuid, integer, uuid, integer, integer)';
    const save = 'distributed_save_token(text)';
    const name = 'distributed_save_token';
    await database.query(`DROP FUNCTION ${take}`);
    await database.query(
      `ALTER FUNCTION ${name}(text, uuid, integer, uuid, timestamptz, text, text, timestamptz, timestamptz, boolean) RENAME TO former`,
    );
    await database.query(`CREATE FUNCTION ${save} RETURNS int LANGUAGE sql AS 'SELECT 1'`);
    expect(await distributionState(new AddressSource(new Secret(url)))).toBe('distributed');
    const migrated = await startTokenBroker(['migrate'], { NODE_ENV: 'test', DATABASE_URL: url }).finished;
    expect(migrated).toMatchObject({ code: 0 });
    expect(migrated.stderr).toMatch(
      /Making the function distributed_take_lease[^]*Making the function distributed_save/,
    );
    const made = `SELECT count(*)::int AS count FROM pg_proc WHERE proname IN ('distributed_take_lease', '${name}')`;
    expect(await rows(made)).toEqual([{ count: 3 }]);
    await database.query(`DROP FUNCTION ${save}`);
  }, 60_000);
});
