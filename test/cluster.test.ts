/**
 * What only a cluster has: rows that move, a server that is lost, and commits of two phases whose end is lost. Two replicas work
 * meanwhile. Run by `npm run test:citus`.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../sandbox/fleet/seed.js';
import { Api } from './support/api.js';
import { inEachForm, runSql, servers } from './support/cluster.js';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.js';
import { asRuntime, createDatabase } from './support/test-bed.js';
import { until } from './support/until.js';

/** A disconnect reaches other replicas within a heartbeat or two; then no replica trusts what it remembers. */
const HEARD_MS = 3000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

(servers ? describe : describe.skip)('on a cluster under load', () => {
  let database: pg.Client;
  let fleet: Fleet;
  let key: string;
  /** In front of each worker, where coordinator and replicas find it. */
  const proxies = new Map<number, TcpProxy>();

  const rows = (query: string, values?: unknown[]) => runSql(database, query, values);
  const api = (replica: number) => new Api(fleet.replicas.at(replica)?.url ?? '', key);

  beforeAll(async () => {
    const url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    for (const { port } of await rows('SELECT nodeport AS port FROM pg_dist_node WHERE groupid > 0'))
      proxies.set(Number(port), await startTcpProxy(Number(port)));
    for (const server of servers ?? []) {
      const client = new pg.Client({ connectionString: new URL(new URL(url).pathname, server).href });
      await client.connect();
      for (const [port, proxy] of proxies)
        await client.query('UPDATE pg_dist_node SET nodeport = $1 WHERE nodeport = $2', [proxy.port, port]);
      await client.end();
    }
    fleet = await startFleet(asRuntime(url), 2, { BROWSER_RATE_LIMIT: '100000', GOOGLE_TIMEOUT_MS: '3000' });
    fleet.google.control.setSlotLimit(1_000_000);
    fleet.google.control.rotateRefreshTokens(true);
    key = await seedService(fleet, database);
  }, 120_000);
  afterAll(async () => {
    await fleet.stop();
    await database.end();
    for (const proxy of proxies.values()) await proxy.close();
  });

  const idsOf = async (users: readonly string[]) => {
    await seedGrants(fleet, inEachForm(database), users, 0);
    const found = await rows('SELECT id, user_id FROM grants WHERE user_id = ANY ($1)', [users]);
    return new Map(found.map(({ id, user_id }) => [String(user_id), String(id)]));
  };

  /** Reads tokens, and disconnects users, until it is told to stop. */
  const startLoad = (ids: ReadonlyMap<string, string>) => {
    const users = [...ids.keys()];
    const leaving = users.filter((_, index) => index % 2 === 0);
    const disconnected = new Map<string, number>();
    const stale: string[] = [];
    const statuses = new Map<number, number>();
    let isOver = false;
    const read = async () => {
      while (!isOver) {
        const user = users[Math.floor(Math.random() * users.length)] ?? '';
        const askedAt = performance.now();
        const { status } = await api(Math.random() < 0.5 ? 0 : -1)
          .token(user)
          .catch(() => ({ status: 0 }));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 200 && askedAt > (disconnected.get(user) ?? Infinity) + HEARD_MS) stale.push(user);
        if (status !== 200) await wait(5);
      }
    };
    const disconnect = async () => {
      for (const user of leaving) {
        if (isOver) return;
        const { status } = await api(0)
          .delete(`/grants/${ids.get(user) ?? ''}`, { mode: 'local' })
          .catch(() => ({ status: 0 }));
        if (status === 200) disconnected.set(user, performance.now());
        await wait(20);
      }
    };
    const workers = [...Array.from({ length: 6 }, read), disconnect()];
    return {
      statuses,
      stop: async () => {
        isOver = true;
        await Promise.all(workers);
        // What is in no cache, from a replica that has just started.
        await fleet.add();
        const undone = [];
        for (const user of disconnected.keys())
          if ((await api(-1).token(user)).status !== 404) undone.push(user);
        const lost = [];
        for (const user of users.filter((each) => !leaving.includes(each))) {
          let status = 0;
          await until(async () => {
            ({ status } = await api(-1).token(user));
            return status !== 503;
          });
          if (status !== 200) lost.push(`${user}: ${status}`);
        }
        return { stale, undone, lost, disconnects: disconnected.size > 0 };
      },
    };
  };
  const NOTHING_LOST = { stale: [], undone: [], lost: [], disconnects: true };
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, user) => `${prefix}-${user}`);

  /** Commits are seen on the wire where the coordinator is told not to encrypt: citus.node_conninfo = 'sslmode=disable'. */
  const lose = async (text: string) => {
    const [setting] = await rows('SHOW citus.node_conninfo');
    expect(setting).toEqual({ 'citus.node_conninfo': 'sslmode=disable' });
    return Promise.any([...proxies.values()].map((proxy) => proxy.cutBefore(text)));
  };
  const notLost = () => {
    for (const proxy of proxies.values()) void proxy.cutBefore(null);
  };

  test('a disconnect whose commit is lost is not answered with 200, and is done when it is asked for again', async () => {
    const ids = await idsOf(['uncommitted']);
    const disconnect = () => api(0).delete(`/grants/${ids.get('uncommitted') ?? ''}`, { mode: 'local' });
    expect((await api(1).token('uncommitted')).status).toBe(200);
    const isLost = lose('COMMIT');
    expect((await disconnect()).status).toBe(503);
    await isLost;
    notLost();
    await until(async () => (await disconnect()).status === 200);
    await until(async () => (await api(1).token('uncommitted')).status === 404);
  }, 60_000);

  test('a revocation whose COMMIT PREPARED is lost has ended the grants, and ends their slots when the cluster recovers it', async () => {
    const users = names('prepared', 40);
    const ids = await idsOf(users);
    const isLost = lose('COMMIT PREPARED');
    const open = async () =>
      Number(
        (await rows('SELECT count(*) AS count FROM refresh_tokens WHERE ended_at IS NULL'))[0]?.['count'],
      );
    const revoke = await api(0).delete(`/grants/${ids.get('prepared-0') ?? ''}`, { mode: 'revoke' });
    // Whether it is finished is not known to the replica.
    expect([200, 202]).toContain(revoke.status);
    await isLost;
    notLost();
    expect((await api(0).token('prepared-0')).status).toBe(404);
    for (const user of users.slice(1)) expect((await api(0).token(user)).status).toBe(410);
    expect(await open()).toBeGreaterThan(0);
    await rows('SELECT recover_prepared_transactions()');
    expect(await open()).toBe(0);
  }, 120_000);

  test('rows of users move to another server while they are asked for', async () => {
    const users = names('moving', 200);
    const load = startLoad(await idsOf(users));
    const [shard] = await rows(`SELECT get_shard_id_for_distribution_column('grants', 'moving-1') AS id`);
    const placement = async () =>
      (
        await rows('SELECT nodename AS host, nodeport AS port FROM citus_shards WHERE shardid = $1', [
          shard?.['id'],
        ])
      )[0];
    for (let move = 0; move < 4; move++) {
      const from = await placement();
      const [to] = await rows(
        `SELECT nodename AS host, nodeport AS port FROM pg_dist_node
         WHERE groupid > 0 AND nodeport <> $1 ORDER BY nodeid LIMIT 1`,
        [from?.['port']],
      );
      await rows(`SELECT citus_move_shard_placement($1, $2, $3, $4, $5, $6)`, [
        shard?.['id'],
        ...[from?.['host'], from?.['port'], to?.['host'], to?.['port']],
        move < 2 ? 'force_logical' : 'block_writes',
      ]);
      expect(await placement()).toEqual(to);
    }
    expect(await load.stop()).toEqual(NOTHING_LOST);
    expect(load.statuses.get(200)).toBeGreaterThan(50);
  }, 180_000);

  test('replicas are killed and started', async () => {
    const load = startLoad(await idsOf(names('killed', 200)));
    for (let round = 0; round < 5; round++) {
      await fleet.replicas.at(-1)?.end('SIGKILL');
      await fleet.add();
      await wait(500);
    }
    expect(await load.stop()).toEqual(NOTHING_LOST);
  }, 180_000);

  test.each([0, 1])(
    'worker %i cannot be reached for two seconds, three times',
    async (index) => {
      const [port = 0, proxy] = [...proxies].at(index) ?? [];
      // The coordinator has connections of before, and notices one by one.
      await until(() => rows('SELECT count(*) FROM grants').then(Boolean, () => false));
      const load = startLoad(await idsOf(names(`away-${index}`, 200)));
      for (let round = 0; round < 3; round++) {
        await wait(500);
        proxy?.cut();
        await wait(2000);
        proxy?.lead(port);
        await until(async () => (await fetch(`${fleet.replicas[0]?.url}/health/ready`)).ok);
      }
      expect(await load.stop()).toEqual(NOTHING_LOST);
    },
    180_000,
  );
});
