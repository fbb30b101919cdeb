/** Connections to one run of one server, of a cluster's workers; here the server is the one of the tests. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Settings } from '../../src/config/settings.js';
import { Secret } from '../../src/domain/secret.js';
import { SERVER } from '../../src/token-store/change-feed/change-listener.js';
import { type UserStatement, WorkerPool } from '../../src/token-store/client/worker-pools.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

const PID: UserStatement = {
  ...{ userId: 'alice', name: 'pid', text: 'SELECT pg_backend_pid() AS pid', values: [], isRead: true },
};
const SLEEP = { ...PID, name: 'sleep', text: 'SELECT pg_backend_pid() AS pid, pg_sleep(0.3)' };
const ELSEWHERE = [{ pid: 0 }];

describe('the connections to a worker', () => {
  let url: string;
  let database: pg.Client;
  let run = '';
  let pool: WorkerPool;
  const open = (listenedRun: string) => {
    const settings: Partial<Settings> = {
      databaseUrl: new Secret(url),
      databaseUrlFile: null,
      databaseDirectUrl: null,
      databasePooler: null,
      databasePoolSize: 2,
    };
    const { hostname, port } = new URL(url);
    return new WorkerPool(settings as Settings, { host: hostname, port: Number(port) }, listenedRun);
  };
  const ask = (statement: UserStatement) =>
    pool
      .query<{ pid: number }, { pid: number }[]>(statement, () => Promise.resolve(ELSEWHERE))
      .then(([row]) => row?.pid ?? null);
  const openBoth = async () => {
    await until(async () => {
      await Promise.all([ask(PID), ask(PID)]);
      return pool.connections.idleCount === 2;
    });
  };

  beforeAll(async () => {
    url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    run = (await database.query<{ server: string }>(`SELECT ${SERVER} AS server`)).rows[0]?.server ?? '';
  });
  beforeEach(() => {
    pool = open(run);
  });
  afterEach(() => pool.end());
  afterAll(() => database.end());

  test('are opened beside a call, which does not wait for them, and used by those that follow', async () => {
    expect(await ask(PID)).toBe(0);
    await until(() => pool.connections.idleCount === 1);
    expect(await ask(PID)).toBeGreaterThan(0);
  });

  test('are waited for where all are in use', async () => {
    await openBoth();
    const pids = await Promise.all([SLEEP, SLEEP, SLEEP, SLEEP].map(ask));
    expect(new Set(pids).size).toBe(2);
    expect(pids).not.toContain(0);
  });

  test('are not made to another run of the server than the one that is listened to', async () => {
    await pool.end();
    pool = open('1');
    expect(await ask(PID)).toBe(0);
    await until(() => pool.connections.totalCount === 0);
    expect(await ask(PID)).toBe(0);
    // It is not asked again at once.
    expect(pool.connections.totalCount).toBe(0);
  });

  test('that break lose no read, and no change is made twice', async () => {
    const breakAll = () =>
      database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.3)%' AND pid <> pg_backend_pid()`,
      );
    const broken = async (statement: UserStatement) => {
      await openBoth();
      const settled = Promise.allSettled([ask(statement)]);
      await until(async () => ((await breakAll()).rowCount ?? 0) > 0);
      return (await settled)[0];
    };
    expect(await broken(SLEEP)).toEqual({ status: 'fulfilled', value: 0 });
    expect(await broken({ ...SLEEP, isRead: false })).toMatchObject({
      status: 'rejected',
      reason: { code: '57P01' },
    });
  });

  test('pass on what PostgreSQL refuses', async () => {
    await openBoth();
    await expect(ask({ ...PID, name: 'none', text: 'SELECT 1 / 0' })).rejects.toMatchObject({
      code: '22012',
    });
  });
});
