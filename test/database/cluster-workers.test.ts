/**
 * The statements of a token go straight to the worker that has the user's rows, follow these, and find them from any other place.
 * Run by `npm run test:citus`.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Database } from '../../src/token-store/client/database.js';
import { STATEMENT_TIMEOUT_MS } from '../../src/token-store/client/session.js';
import type { UserStatement } from '../../src/token-store/client/worker-pools.js';
import {
  HASH_PROBES,
  READ_USER_SHARDS,
  UserShards,
  type UserShardsRow,
} from '../../src/token-store/distributed/user-shards.js';
import { ShardRead } from '../../src/token-store/grants/shard-read.js';
import { isCluster, servers } from '../support/cluster.js';
import { type ClusterFleet, startClusterFleet } from '../support/cluster-fleet.js';
import { until } from '../support/until.js';

/** What reads and refreshes the token of a user. */
const RIGHTS_OF_A_TOKEN = ['SELECT ON grants', 'SELECT ON access_tokens', 'UPDATE ON grants'];
const ROLE = 'token_broker_runtime';
/** So many names for each user of a certain worker that is looked for. */
const NAMES_FOR_ONE = 10;

(isCluster ? describe : describe.skip)('the statements of a token on a cluster', () => {
  let cluster: ClusterFleet;
  let coordinator = 0;
  let workers: readonly number[] = [];
  /** A connection to each server by its port, past the proxies. */
  const clients = new Map<number, pg.Client>();

  beforeAll(async () => {
    cluster = await startClusterFleet(2);
    for (const server of servers ?? []) {
      const client = new pg.Client({ connectionString: new URL(cluster.database, server).href });
      await client.connect();
      clients.set(client.port, client);
    }
    [coordinator = 0, ...workers] = clients.keys();
  }, 120_000);
  afterEach(async () => {
    for (const port of clients.keys()) await allow(port);
    for (const [port, proxy] of cluster.proxies) proxy.lead(port);
  });
  afterAll(async () => {
    for (const client of clients.values()) await client.end();
    await cluster.stop();
  });

  const rowsAt = async (port: number, text: string, values?: unknown[]) =>
    (await clients.get(port)?.query<Record<string, unknown>>(text, values))?.rows ?? [];
  const setRights = async (port: number, change: (right: string) => string) => {
    await rowsAt(port, 'SET citus.enable_ddl_propagation = off');
    for (const right of RIGHTS_OF_A_TOKEN) await rowsAt(port, change(right));
  };
  /** One server refuses what a token needs, whether it has the rows or would ask another one. */
  const refuse = (port: number) => setRights(port, (right) => `REVOKE ${right} FROM ${ROLE}`);
  const allow = (port: number) => setRights(port, (right) => `GRANT ${right} TO ${ROLE}`);

  let named = 0;
  /** Whose tokens have expired, so many of each worker. */
  const usersOfEach = async (count: number): Promise<ReadonlyMap<number, readonly string[]>> => {
    const names = Array.from({ length: count * NAMES_FOR_ONE }, () => `straight-${named++}`);
    const workerOf = await cluster.workersOf(names);
    const users = new Map(
      workers.map((port) => [port, names.filter((name) => workerOf.get(name) === port).slice(0, count)]),
    );
    await cluster.idsOf([...users.values()].flat());
    return users;
  };
  const statusOf = async (user: string, replica: number) => (await cluster.api(replica).token(user)).status;
  /** The first calls at a worker go through the coordinator, while connections are opened. */
  const openConnections = async () => {
    const users = [...(await usersOfEach(2)).values()].flat();
    for (const replica of [0, 1]) {
      const ask = () => Promise.all(users.map((user) => statusOf(user, replica)));
      await ask();
      // What is known is answered from memory: others are asked for.
      const others = [...(await usersOfEach(2)).values()].flat();
      const statuses = await Promise.all(others.map((user) => statusOf(user, replica)));
      expect(statuses).toEqual(statuses.map(() => 200));
    }
  };
  const moveRows = async (user: string, mode: string) => {
    const from = (await cluster.workersOf([user])).get(user) ?? 0;
    const to = workers.find((port) => port !== from) ?? 0;
    await cluster.rows(
      `SELECT citus_move_shard_placement(get_shard_id_for_distribution_column('grants', $1::text),
         '127.0.0.1', $2, '127.0.0.1', $3, $4)`,
      [user, cluster.proxies.get(from)?.port, cluster.proxies.get(to)?.port, mode],
    );
    return { from, to };
  };

  test('are answered while the coordinator refuses them, a refresh by one replica and a cold read by the other', async () => {
    const users = [...(await usersOfEach(10)).values()].flat();
    await openConnections();
    await refuse(coordinator);
    for (const user of users)
      expect([user, await statusOf(user, 0), await statusOf(user, 1)]).toEqual([user, 200, 200]);
  }, 60_000);

  test('follow rows that move to another worker', async () => {
    const [user = ''] = [...(await usersOfEach(1)).values()].flat();
    const { from } = await moveRows(user, 'block_writes');
    await openConnections();
    for (const port of [coordinator, from]) await refuse(port);
    await until(async () => (await statusOf(user, 0)) === 200);
  }, 60_000);

  test('read no rows that a move left behind, though their table is still there', async () => {
    const [[first, [user = '']] = [0, []]] = await usersOfEach(1);
    const [row] = await cluster.rows(READ_USER_SHARDS, [HASH_PROBES]);
    const shard = UserShards.of(row as unknown as UserShardsRow)?.shardOf(user);
    const query = ({ text, values }: UserStatement) => rowsAt(first, text, values);
    // As of a broker that has not noticed the move.
    const database = { workers: { placeOf: () => ({ pool: { query }, shard }) } } as unknown as Database;
    const read = (who: string) =>
      new ShardRead(database, () => 'grants.id, $3::timestamptz AS asked').run(who, 'default', new Date());
    expect([await read(user), await read('another')]).toEqual([[expect.anything()], []]);
    await moveRows(user, 'block_writes');
    // Citus removes it within a quarter of a minute.
    const [left] = await rowsAt(first, 'SELECT to_regclass($1) IS NOT NULL AS is_there', [shard?.grants]);
    expect([left?.['is_there'], await read(user)]).toEqual([true, null]);
  });

  test('find no grant that was disconnected after its rows moved to a worker that still knows the former place', async () => {
    const [[, [user = '']] = [0, []]] = await usersOfEach(1);
    const { from, to } = await moveRows(user, 'block_writes');
    // As where the commit of the move has not reached it yet.
    const setPlace = (at: number) =>
      rowsAt(
        to,
        `UPDATE pg_dist_placement SET groupid = (SELECT groupid FROM pg_dist_node WHERE nodeport = $2) WHERE shardid IN (
           SELECT get_shard_id_for_distribution_column(name, $1::text) FROM unnest(ARRAY['grants', 'access_tokens']) AS name)`,
        [user, cluster.proxies.get(at)?.port],
      );
    await openConnections();
    await setPlace(from);
    try {
      const [grant] = await cluster.rows('SELECT id FROM grants WHERE user_id = $1', [user]);
      const path = `/grants/${String(grant?.['id'])}`;
      expect((await cluster.api(0).delete(path, { mode: 'local' })).status).toBe(200);
      expect([await statusOf(user, 0), await statusOf(user, 1)]).toEqual([404, 404]);
    } finally {
      await setPlace(to);
    }
  }, 60_000);

  test('are done at whichever server they are sent to, also while rows move, and notify where the rows are', async () => {
    const [[first, [user = '']] = [0, []]] = await usersOfEach(1);
    const [grant] = await cluster.rows('SELECT id, version FROM grants WHERE user_id = $1', [user]);
    const heardAt = new Set<number>();
    for (const [port, client] of clients) {
      await client.query('LISTEN token_broker');
      client.on('notification', ({ payload = '' }) => {
        if (payload.includes(`"${user}"`)) heardAt.add(port);
      });
    }
    const isOwn = (rows: Record<string, unknown>[], owner: string) =>
      (rows[0]?.['row'] as { owner: string } | null)?.owner === owner;
    /** @returns whether the lease was taken, and the token saved */
    const refresh = async (port: number) => {
      const owner = randomUUID();
      const ask = (text: string, values: unknown[]) => rowsAt(port, text, values);
      const [read] = await ask('SELECT refreshes FROM grants WHERE user_id = $1', [user]);
      // Over at once: the end of a lease, too, may be forgotten by a logical move.
      const lease = [user, owner, 1, grant?.['id'], grant?.['version'], read?.['refreshes']];
      const taken = await ask('SELECT distributed_take_lease($1, $2, $3, $4, $5, $6) AS row', lease);
      // As by a replica that waits for it: that it ends is notified.
      await ask('UPDATE grants SET lease_awaited = true WHERE user_id = $1', [user]);
      const now = new Date();
      const token = [user, grant?.['id'], grant?.['version'], owner, now, 'scope', 'sealed', now, now, false];
      const save = 'SELECT distributed_save_token($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS row';
      return isOwn(taken, owner) && isOwn(await ask(save, token), owner);
    };
    const expectRefreshes = async (at: number) => {
      for (const port of clients.keys()) {
        heardAt.clear();
        expect([port, await refresh(port)]).toEqual([port, true]);
        await until(() => heardAt.size > 0);
        expect([...heardAt]).toEqual([at]);
      }
    };
    await expectRefreshes(first);
    // A logical move may forget a lease of its last moment, whichever server took it (docs/citus.md).
    const moves = [
      { mode: 'force_logical', mayForget: 1 },
      { mode: 'block_writes', mayForget: 0 },
    ];
    for (const { mode, mayForget } of moves) {
      const move = { isOver: false };
      const moving = moveRows(user, mode);
      void moving.catch(() => undefined).then(() => (move.isOver = true));
      const done: boolean[] = [];
      while (!move.isOver) for (const port of clients.keys()) done.push(await refresh(port));
      expect(done.filter((isDone) => !isDone).length).toBeLessThanOrEqual(mayForget);
      expect(done).toContain(true);
      await expectRefreshes((await moving).to);
    }
  }, 120_000);

  test('are repeated through the coordinator where the sessions of the broker at a worker are ended', async () => {
    const users = [...(await usersOfEach(30)).values()].flat();
    await openConnections();
    const ending = { isOver: false, sessions: 0 };
    const endSessions = async () => {
      while (!ending.isOver)
        for (const port of workers)
          ending.sessions += (
            await rowsAt(
              port,
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'token-broker' AND datname = current_database()`,
            )
          ).length;
    };
    const ended = endSessions();
    const reads: number[] = [];
    try {
      for (const user of users) {
        // A change is not sent twice: whether it was made is not known.
        await until(async () => (await statusOf(user, 0)) === 200);
        reads.push(await statusOf(user, 1));
      }
    } finally {
      ending.isOver = true;
      await ended;
    }
    expect(ending.sessions).toBeGreaterThan(10);
    expect(reads).toEqual(users.map(() => 200));
  }, 120_000);

  test('are answered again after a worker was away', async () => {
    const [[worker, [user = '', other = '']] = [0, []]] = await usersOfEach(2);
    await openConnections();
    cluster.proxies.get(worker)?.cut();
    expect(await statusOf(user, 0)).toBe(503);
    cluster.proxies.get(worker)?.lead(worker);
    await until(async () => (await statusOf(user, 0)) === 200);
    await refuse(coordinator);
    await until(async () => (await statusOf(other, 0)) === 200);
  }, 60_000);

  test('end in the time of a statement where a worker is silent, and those of the other worker are answered meanwhile', async () => {
    const [[worker, [user = '']] = [0, []], [, others] = [0, []]] = await usersOfEach(10);
    await openConnections();
    cluster.proxies.get(worker)?.silence();
    const order: string[] = [];
    const askedAt = performance.now();
    const silent = statusOf(user, 0).finally(() => order.push('silent'));
    for (const other of others) expect(await statusOf(other, 0).finally(() => order.push('other'))).toBe(200);
    expect(await silent).toBe(503);
    expect(performance.now() - askedAt).toBeLessThan(STATEMENT_TIMEOUT_MS + 1500);
    expect(order).toEqual([...others.map(() => 'other'), 'silent']);
  }, 60_000);
});
