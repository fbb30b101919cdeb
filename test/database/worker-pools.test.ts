/** Connections to one run of one server, of a cluster's workers; here the server is the one of the tests. */
import { createServer, type AddressInfo, Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Settings } from '../../src/config/settings.js';
import { Secret } from '../../src/domain/secret.js';
import { SERVER_RUN_SQL } from '../../src/token-store/client/session.js';
import { type UserStatement, WorkerPool, WorkerPools } from '../../src/token-store/client/worker-pools.js';
import { hashText } from '../../src/token-store/distributed/hash-text.js';
import { HASH_PROBES, type UserShard, UserShards } from '../../src/token-store/distributed/user-shards.js';
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
  const place = () => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });
  const settingsOf = (changed: Partial<Settings> = {}) => {
    const settings: Partial<Settings> = {
      databaseUrl: new Secret(url),
      databaseUrlFile: null,
      databaseDirectUrl: null,
      databaseDirectUrlFile: null,
      databasePooler: null,
      databasePoolSize: 2,
      ...changed,
    };
    return settings as Settings;
  };
  const open = (listenedRun: string, changed: Partial<Settings> = {}, at = place()) =>
    new WorkerPool(settingsOf(changed), at, listenedRun);
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
    run =
      (await database.query<{ server: string }>(`SELECT ${SERVER_RUN_SQL} AS server`)).rows[0]?.server ?? '';
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

  test('are kept alive, and closed before a firewall forgets them', async () => {
    const keepAlive = jest.spyOn(Socket.prototype, 'setKeepAlive');
    await openBoth();
    const calls = keepAlive.mock.calls.map((call) => [...call]);
    keepAlive.mockRestore();
    expect(calls).toContainEqual([true, 30_000]);
    // Azure's balancers forget after four minutes, and so do many others before long.
    expect(pool.connections.options.idleTimeoutMillis).toBeLessThan(240_000);
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
    const connect = jest.spyOn(pool.connections, 'connect');
    expect(await ask(PID)).toBe(0);
    // Once it has refused, it is not asked again at once.
    await until(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const attempts = connect.mock.calls.length;
      expect(await ask(PID)).toBe(0);
      return pool.connections.totalCount === 0 && connect.mock.calls.length === attempts;
    });
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

  test('are of the role in DATABASE_URL, to the database of DATABASE_DIRECT_URL', async () => {
    await pool.end();
    const role = `caller_${process.pid}`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of a caller'`);
    try {
      const pooled = Object.assign(new URL(url), {
        username: role,
        password: 'of a caller',
        pathname: '/an_alias',
      });
      pool = open(run, {
        databaseUrl: new Secret(pooled.href),
        databaseDirectUrl: new Secret(url),
        databasePoolSize: 1,
      });
      const who = {
        ...PID,
        name: 'who',
        text: 'SELECT current_user AS who, current_database() AS at, 1 AS pid',
      };
      await until(async () => (await ask(who)) === 1);
      const rows = await pool.query<object, null>(who, () => Promise.resolve(null));
      expect(rows).toEqual([{ who: role, at: new URL(url).pathname.slice(1), pid: 1 }]);
    } finally {
      await pool.end();
      pool = open(run);
      await database.query(`DROP ROLE ${role}`);
    }
  });

  test('are not asked for with each call where the worker does not know the role', async () => {
    await pool.end();
    const other = Object.assign(new URL(url), { username: 'a stranger', password: 'none' });
    pool = open(run, { databaseUrl: new Secret(other.href) });
    const connect = jest.spyOn(pool.connections, 'connect');
    expect(await ask(PID)).toBe(0);
    await until(() => pool.connections.totalCount === 0);
    // A worker that is only unreachable is asked again by then.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await ask(PID)).toBe(0);
    expect(connect).toHaveBeenCalledTimes(1);
  });

  test('are left for the coordinator where the role may not do it there, also a change', async () => {
    await openBoth();
    const refused = {
      ...PID,
      name: 'refused',
      isRead: false,
      text: `SELECT 1 AS pid, pg_read_file('/etc/hostname')`,
    };
    const role = `reader_${process.pid}`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of a reader'`);
    try {
      await pool.end();
      const other = Object.assign(new URL(url), { username: role, password: 'of a reader' });
      pool = open(run, { databaseUrl: new Secret(other.href) });
      await openBoth();
      expect(await ask(refused)).toBe(0);
      // None is used or opened until an operator may have acted.
      const connect = jest.spyOn(pool.connections, 'connect');
      for (let time = 0; time < 3; time++) expect(await ask(PID)).toBe(0);
      expect(connect).not.toHaveBeenCalled();
    } finally {
      await pool.end();
      pool = open(run);
      await database.query(`DROP ROLE ${role}`);
    }
  });

  test('that cannot be opened keep no call waiting', async () => {
    await pool.end();
    const sockets = new Set<Socket>();
    const deaf = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    pool = open(run, {}, { host: '127.0.0.1', port: (deaf.address() as AddressInfo).port });
    for (let call = 0; call < 4; call++) expect(await ask(PID)).toBe(0);
    // None has given up yet.
    expect(pool.connections.totalCount).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });

  test('that are replaced send those who wait for one to the coordinator', async () => {
    const all = { min: -(2 ** 31), max: 2 ** 31 - 1 };
    const shard: UserShard = { ...all, worker: 'a worker', id: 1, grants: '', accessTokens: '' };
    const shards = UserShards.of({ shards: [shard], hashes: HASH_PROBES.map(hashText) }) ?? UserShards.NONE;
    let listenedRun = run;
    const listened = { ...place(), run: () => listenedRun };
    const pools = new WorkerPools(settingsOf());
    pools.update(shards, new Map([['a worker', listened]]));
    const current = () => pools.placeOf('alice')?.pool;
    pool = current() ?? pool;
    await openBoth();
    const busy = [ask(SLEEP), ask(SLEEP)];
    await until(() => pool.connections.idleCount === 0);
    const waiting = ask(PID);
    listenedRun = 'another run';
    expect(current()).not.toBe(pool);
    let areFree = false;
    const pids = Promise.all(busy).finally(() => (areFree = true));
    expect(await waiting).toBe(0);
    expect(areFree).toBe(false);
    expect(await pids).not.toContain(0);
    await pools.end();
    pool = open(run);
  });
});
