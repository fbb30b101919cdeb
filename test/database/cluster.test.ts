/**
 * What only a cluster has: rows that move, and a server that is lost. Replicas work meanwhile, and are killed. Run by `npm run
 * test:citus`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isCluster, servers } from '../support/cluster.js';
import { type ClusterFleet, LEASE_MS, startClusterFleet } from '../support/cluster-fleet.js';
import { ClusterLoad, NOTHING_LOST, NOTICED_MS } from '../support/cluster-load.js';
import { linesOf, scrape, valueOf } from '../support/metric-lines.js';
import { canKillWorkers, killWorker, startWorker } from '../support/cluster-workers.js';
import { until } from '../support/until.js';

const WORKERS = (servers ?? []).slice(1).map((_, index) => index);

(isCluster ? describe : describe.skip)('on a cluster under load', () => {
  let cluster: ClusterFleet;
  beforeAll(async () => {
    cluster = await startClusterFleet(2);
  }, 120_000);
  afterAll(() => cluster.stop());

  const rows = (query: string, values?: unknown[]) => cluster.rows(query, values);
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, user) => `${prefix}-${user}`);

  test('rows of users move to another server while they are asked for', async () => {
    const users = names('moving', 200);
    const load = await ClusterLoad.start(cluster, await cluster.idsOf(users));
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
    expect(load.calls.filter(({ status }) => status === 200).length).toBeGreaterThan(50);
  }, 240_000);

  test('replicas are killed and started', async () => {
    const load = await ClusterLoad.start(cluster, await cluster.idsOf(names('killed', 200)));
    for (let round = 0; round < 5; round++) {
      await cluster.fleet.replicas.at(-1)?.end('SIGKILL');
      await cluster.fleet.add();
      await pause(500);
    }
    expect(await load.stop()).toEqual(NOTHING_LOST);
  }, 240_000);

  const isReady = async () => (await fetch(`${cluster.fleet.replicas[0]?.url}/health/ready`)).ok;
  const isAllSaved = async () => {
    for (const { url, process } of cluster.fleet.replicas) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      if (valueOf(linesOf(await scrape(url)), 'refresh_leases_held') !== 0) return false;
    }
    return true;
  };

  /** A worker is away, and comes back, under load. Users of the others are served meanwhile. */
  const expectServedWithout = async (
    index: number,
    prefix: string,
    rounds: number,
    away: (port: number) => Promise<void>,
    back: (port: number) => Promise<void>,
  ) => {
    const [port = 0] = [...cluster.proxies.keys()].slice(index);
    // What Google replaces at once is kept by the replicas until it can be stored.
    cluster.fleet.google.control.rotateRefreshTokens(true);
    // The coordinator has connections of before, and notices one by one.
    await until(() => rows('SELECT count(*) FROM grants').then(Boolean, () => false));
    const load = await ClusterLoad.start(cluster, await cluster.idsOf(names(prefix, 300)));
    const spans: [number, number][] = [];
    for (let round = 0; round < rounds; round++) {
      await pause(2000);
      // Else a lease would have to outlast several outages: a refresh token of one may not be saved at the next.
      await until(isAllSaved, LEASE_MS);
      await away(port);
      const from = performance.now();
      await pause(NOTICED_MS + 1000);
      const left = await load.disconnectOthers(port, 5);
      expect([...left.values()]).toEqual(Array(left.size).fill(200));
      // Their events are written while those of the worker wait.
      const trail = `SELECT FROM audit_trail WHERE user_id = $1 AND action = 'grant.disconnect'`;
      for (const user of left.keys()) await until(async () => (await rows(trail, [user])).length > 0);
      await pause(1000);
      spans.push([from, performance.now()]);
      await back(port);
      await until(isReady);
    }
    const { own, others, gone } = load.statusesWithout(port, spans);
    // A rotated refresh token may be lost in one that outlasts a lease (LEASE_MS).
    const outages = spans.map(([from, to]) => `${Math.round((to - from) / 1000)} s`);
    expect({ outages, ...(await load.stop()) }).toEqual({ outages, ...NOTHING_LOST });
    expect(Object.keys(others)).toEqual(['200']);
    expect(others[200]).toBeGreaterThan(5);
    expect(Object.keys(gone)).toEqual(['404']);
    expect(gone[404]).toBeGreaterThan(5);
    expect(own[200] ?? 0).toBe(0);
  };

  test.each(WORKERS)(
    'worker %i cannot be reached for some seconds, three times, and users of the others are served',
    (index) =>
      expectServedWithout(
        index,
        `away-${index}`,
        3,
        (port) => Promise.resolve(cluster.proxies.get(port)?.cut()),
        (port) => Promise.resolve(cluster.proxies.get(port)?.lead(port)),
      ),
    240_000,
  );

  if (isCluster && !canKillWorkers)
    process.stderr.write(
      'No worker is killed: TEST_CITUS_KILL and TEST_CITUS_START are the commands for that, with its port after them.\n',
    );
  (canKillWorkers ? test : test.skip).each(WORKERS)(
    'the PostgreSQL of worker %i is killed and started, twice, and users of the others are served',
    (index) => expectServedWithout(index, `killed-${index}`, 2, killWorker, startWorker),
    240_000,
  );
});
