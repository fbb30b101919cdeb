/**
 * What only a cluster has: rows that move, and a server that is lost. Replicas work meanwhile, and are killed. Run by `npm run
 * test:citus`; TEST_CITUS_KILL and TEST_CITUS_START are commands that kill the PostgreSQL of a worker with SIGKILL, and start it: its
 * port is added to them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isCluster, servers } from './support/cluster.js';
import { type ClusterFleet, startClusterFleet } from './support/cluster-fleet.js';
import { until } from './support/until.js';

/** A disconnect reaches other replicas within a heartbeat or two; then no replica trusts what it remembers. */
const HEARD_MS = 3000;

/** Until the coordinator and the replicas have noticed that a worker is away, and have asked those that are there again. */
const NOTICED_MS = 1000;

const WORKERS = (servers ?? []).slice(1).map((_, index) => index);

const KILL = process.env['TEST_CITUS_KILL'];
const START = process.env['TEST_CITUS_START'];

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Answered {
  readonly user: string;
  readonly status: number;
  readonly askedAt: number;
  readonly at: number;
}

(isCluster ? describe : describe.skip)('on a cluster under load', () => {
  let cluster: ClusterFleet;
  beforeAll(async () => {
    // Without rotated refresh tokens: what Google replaces at once, while it cannot be stored, is lost.
    cluster = await startClusterFleet(2);
  }, 120_000);
  afterAll(() => cluster.stop());

  const api = (replica: number) => cluster.api(replica);
  const rows = (query: string, values?: unknown[]) => cluster.rows(query, values);
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, user) => `${prefix}-${user}`);

  /** Reads tokens, and disconnects users, until it is told to stop. For each worker apart, so that one that is away keeps no caller of others. */
  const startLoad = async (ids: ReadonlyMap<string, string>) => {
    const workerOf = await cluster.workersOf([...ids.keys()]);
    const leaving = new Set([...ids.keys()].filter((_, index) => index % 2 === 0));
    const disconnected = new Map<string, number>();
    const answers: Answered[] = [];
    let isOver = false;
    const read = async (users: readonly string[]) => {
      while (!isOver) {
        const user = users[Math.floor(Math.random() * users.length)] ?? '';
        const askedAt = performance.now();
        const { status } = await api(Math.random() < 0.5 ? 0 : -1)
          .token(user)
          .catch(() => ({ status: 0 }));
        answers.push({ user, status, askedAt, at: performance.now() });
        if (status !== 200) await wait(5);
      }
    };
    const disconnect = async (users: readonly string[]) => {
      for (const user of users.filter((each) => leaving.has(each))) {
        if (isOver) return;
        const { status } = await api(0)
          .delete(`/grants/${ids.get(user) ?? ''}`, { mode: 'local' })
          .catch(() => ({ status: 0 }));
        if (status === 200) disconnected.set(user, performance.now());
        await wait(50);
      }
    };
    const callers = [...new Set(workerOf.values())].flatMap((worker) => {
      const users = [...ids.keys()].filter((user) => workerOf.get(user) === worker);
      return [read(users), read(users), read(users), disconnect(users)];
    });
    return {
      answers,
      disconnected,
      leaving,
      workerOf,
      stop: async () => {
        isOver = true;
        await Promise.all(callers);
        // What is in no cache, from a replica that has just started.
        await cluster.fleet.add();
        const undone = [];
        for (const user of disconnected.keys())
          if ((await api(-1).token(user)).status !== 404) undone.push(user);
        const lost = [];
        for (const user of ids.keys()) {
          if (leaving.has(user)) continue;
          let status = 0;
          await until(async () => {
            ({ status } = await api(-1).token(user));
            return status !== 503;
          });
          if (status !== 200) lost.push(`${user}: ${status}`);
        }
        const heardAt = (user: string) => (disconnected.get(user) ?? Infinity) + HEARD_MS;
        const stale = answers
          .filter(({ user, status, askedAt }) => status === 200 && askedAt > heardAt(user))
          .map(({ user }) => user);
        return { stale, undone, lost, disconnects: disconnected.size > 0 };
      },
    };
  };
  const NOTHING_LOST = { stale: [], undone: [], lost: [], disconnects: true };

  type Load = Awaited<ReturnType<typeof startLoad>>;
  type Span = readonly [from: number, to: number];

  /** What was answered while a worker was away: how many of each status, to users of it who stay, to others, and to others who are gone. */
  const answeredIn = (load: Load, worker: number, spans: readonly Span[]) => {
    const counts: Record<'own' | 'others' | 'gone', Record<number, number>> = {
      own: {},
      others: {},
      gone: {},
    };
    for (const { user, status, askedAt, at } of load.answers) {
      if (!spans.some(([from, to]) => askedAt > from + NOTICED_MS && at < to)) continue;
      const isOwn = load.workerOf.get(user) === worker;
      const isGone = askedAt > (load.disconnected.get(user) ?? Infinity);
      if (load.leaving.has(user) && (isOwn || !isGone)) continue;
      const of = counts[isOwn ? 'own' : isGone ? 'gone' : 'others'];
      of[status] = (of[status] ?? 0) + 1;
    }
    return counts;
  };

  test('rows of users move to another server while they are asked for', async () => {
    const users = names('moving', 200);
    const load = await startLoad(await cluster.idsOf(users));
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
    expect(load.answers.filter(({ status }) => status === 200).length).toBeGreaterThan(50);
  }, 180_000);

  test('replicas are killed and started', async () => {
    const load = await startLoad(await cluster.idsOf(names('killed', 200)));
    for (let round = 0; round < 5; round++) {
      await cluster.fleet.replicas.at(-1)?.end('SIGKILL');
      await cluster.fleet.add();
      await wait(500);
    }
    expect(await load.stop()).toEqual(NOTHING_LOST);
  }, 180_000);

  const isReady = async () => (await fetch(`${cluster.fleet.replicas[0]?.url}/health/ready`)).ok;

  /** A worker is away, and comes back, under load. Users of the others are served meanwhile. */
  const expectServedWithout = async (
    index: number,
    prefix: string,
    rounds: number,
    away: (port: number) => Promise<void>,
    back: (port: number) => Promise<void>,
  ) => {
    const [port = 0] = [...cluster.proxies.keys()].slice(index);
    // The coordinator has connections of before, and notices one by one.
    await until(() => rows('SELECT count(*) FROM grants').then(Boolean, () => false));
    const load = await startLoad(await cluster.idsOf(names(prefix, 300)));
    const spans: Span[] = [];
    for (let round = 0; round < rounds; round++) {
      await wait(2000);
      await away(port);
      const from = performance.now();
      await wait(NOTICED_MS + 2000);
      spans.push([from, performance.now()]);
      await back(port);
      await until(isReady);
    }
    const { own, others, gone } = answeredIn(load, port, spans);
    expect(await load.stop()).toEqual(NOTHING_LOST);
    expect(Object.keys(others)).toEqual(['200']);
    expect(others[200]).toBeGreaterThan(5);
    expect(gone[404] ?? 0).toBeGreaterThan(0);
    expect(own[200] ?? 0).toBe(0);
  };

  test.each(WORKERS)(
    'worker %i cannot be reached for three seconds, three times, and users of the others are served',
    (index) =>
      expectServedWithout(
        index,
        `away-${index}`,
        3,
        (port) => Promise.resolve(cluster.proxies.get(port)?.cut()),
        (port) => Promise.resolve(cluster.proxies.get(port)?.lead(port)),
      ),
    180_000,
  );

  const command = (text: string, port: number) => promisify(execFile)('sh', ['-c', `${text} ${port}`]);
  const canKill = KILL !== undefined && START !== undefined;
  if (isCluster && !canKill)
    process.stderr.write(
      'No worker is killed: TEST_CITUS_KILL and TEST_CITUS_START are the commands for that, with its port after them.\n',
    );
  (canKill ? test : test.skip).each(WORKERS)(
    'the PostgreSQL of worker %i is killed and started, twice, and users of the others are served',
    (index) =>
      expectServedWithout(
        index,
        `killed-${index}`,
        2,
        async (port) => void (await command(KILL ?? '', port)),
        async (port) => void (await command(START ?? '', port)),
      ),
    180_000,
  );
});
