import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../../sandbox/fleet/fleet.js';
import { testOfOneServer } from '../support/cluster.js';
import { createDatabase, startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';

const NOT_MIGRATED =
  'The database lacks a table or column of this version. Run `token-broker migrate` first.';

async function ready(url: string) {
  const response = await fetch(`${url}/health/ready`);
  const body = (await response.json()) as { code?: string; detail?: string };
  return response.status === 200 ? 200 : { status: response.status, code: body.code, detail: body.detail };
}

describe('the readiness by the recorded migrations', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  const refused = (detail: unknown) => ({ status: 503, code: 'database_unavailable', detail });

  test('is given with all migrations of this version', async () => {
    expect(await ready(bed.url)).toBe(200);
  });

  test('is not given with one missing, under way or failed, in the words of the command line', async () => {
    await bed.sql(`CREATE TABLE kept AS SELECT * FROM _prisma_migrations`);
    await bed.sql(
      `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%service_accounts'`,
    );
    expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
    await bed.sql(`DELETE FROM _prisma_migrations WHERE migration_name LIKE '%service_accounts'`);
    expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
    await bed.sql(`TRUNCATE _prisma_migrations; INSERT INTO _prisma_migrations SELECT * FROM kept`);
    expect(await ready(bed.url)).toBe(200);
  });

  testOfOneServer.each([
    ['the lease of another version alone', 'CREATE FUNCTION distributed_take_lease(text) RETURNS int'],
    ['the save of another version alone', 'CREATE FUNCTION distributed_save_token(text) RETURNS int'],
  ])('is not given to tables that are distributed over servers with %s', async (_, create) => {
    await bed.sql(`${create} LANGUAGE sql AS 'SELECT 1'`);
    try {
      expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
      // One that starts knows that there are several servers to listen to.
      await bed.restart();
      expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
      expect((await bed.api.token('alice')).status).toBe(404);
    } finally {
      await bed.sql(create.replace('CREATE', 'DROP').replace(/ RETURNS.*/, ''));
      await bed.restart();
    }
    expect(await ready(bed.url)).toBe(200);
  });

  test('is not given while distributing over several servers is not finished', async () => {
    await bed.sql('CREATE TABLE distributed_unfinished (relation text, name text, mode text)');
    expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
    await bed.sql('DROP TABLE distributed_unfinished');
    expect(await ready(bed.url)).toBe(200);
  });

  test('is read from the database once, however many ask at once', async () => {
    await bed.sql('BEGIN');
    await bed.sql('LOCK TABLE _prisma_migrations IN ACCESS EXCLUSIVE MODE');
    let arrived = 0;
    bed.app.getHttpServer().on('request', () => arrived++);
    const responses = Array.from({ length: 50 }, () => ready(bed.url));
    const waiting = `SELECT count(*)::int AS count FROM pg_locks
      WHERE NOT granted AND relation = '_prisma_migrations'::regclass`;
    await until(async () => (await bed.sql(waiting))[0]?.['count'] !== 0 && arrived === 50);
    expect(await bed.sql(waiting)).toEqual([{ count: 1 }]);
    await bed.sql('COMMIT');
    expect(new Set(await Promise.all(responses))).toEqual(new Set([200]));
  });

  test('is not given where the database was never migrated', async () => {
    await bed.sql(`ALTER TABLE _prisma_migrations RENAME TO away`);
    expect(await ready(bed.url)).toEqual(refused(NOT_MIGRATED));
    await bed.sql(`ALTER TABLE away RENAME TO _prisma_migrations`);
    expect(await ready(bed.url)).toBe(200);
  });

  test('is kept by a running replica where the database is ahead, but a new one needs a setting for it', async () => {
    await bed.sql(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at)
       VALUES ('newer', '', '29990101000000_newer', now())`,
    );
    expect(await ready(bed.url)).toBe(200);
    await bed.sql(`UPDATE _prisma_migrations SET finished_at = now() WHERE id = 'newer'`);
    expect(await ready(bed.url)).toBe(200);

    await bed.restart();
    expect(await ready(bed.url)).toEqual(
      refused(
        expect.stringMatching(
          /^The database is ahead of this version.* 29990101000000_newer\. .*ALLOW_NEWER_SCHEMA=true/,
        ),
      ),
    );
    await bed.restart({ ALLOW_NEWER_SCHEMA: 'true' });
    expect(await ready(bed.url)).toBe(200);
    await bed.sql(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE id = 'newer'`);
    await bed.restart();
    expect(await ready(bed.url)).toBe(200);
  });
});

describe('SIGTERM with SHUTDOWN_DELAY_SECONDS', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet(await createDatabase(), 1);
  });
  afterAll(() => fleet.stop());

  test('makes the broker not ready at once, lets it serve during the delay, and ends with exit code 0', async () => {
    const replica = await fleet.add({ SHUTDOWN_DELAY_SECONDS: '3' });
    const began = performance.now();
    const ended = replica.end('SIGTERM');
    await until(async () => (await ready(replica.url)) !== 200);
    expect(await ready(replica.url)).toEqual({
      status: 503,
      code: 'database_unavailable',
      detail: 'The broker is about to stop.',
    });
    expect((await fetch(`${replica.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${replica.url}/tokens/alice`)).status).toBe(401);
    expect(await ended).toBe(0);
    expect(performance.now() - began).toBeGreaterThan(2900);
  });

  test('stops at once with a second signal', async () => {
    const replica = await fleet.add({ SHUTDOWN_DELAY_SECONDS: '60' });
    const began = performance.now();
    const ended = replica.end('SIGTERM');
    await until(async () => (await ready(replica.url)) !== 200);
    replica.process.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test('names a delay that is no number', async () => {
    await expect(Promise.all([fleet.add({ SHUTDOWN_DELAY_SECONDS: 'x' })])).rejects.toThrow(
      'SHUTDOWN_DELAY_SECONDS',
    );
  });
});
