/**
 * The host of a worker is gone without a word, and its users are asked for again and again. In a file of its own: sessions of the
 * coordinator that waited for it stay for a while. Run by `npm run test:citus`.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isCluster } from '../support/cluster.js';
import { type ClusterFleet, startClusterFleet } from '../support/cluster-fleet.js';

const USERS = Array.from({ length: 160 }, (_, user) => `silent-${user}`);
/** Of the other worker, disconnected meanwhile. */
const LEAVING = 3;
const CALLERS = 20;
/** They read grants by their ids alone, for which all servers are asked. */
const READERS = 8;
const GONE_MS = 15_000;
const SOON_MS = 2000;

(isCluster ? describe : describe.skip)('a worker of a cluster whose host is gone', () => {
  let cluster: ClusterFleet;
  let ids: ReadonlyMap<string, string>;
  beforeAll(async () => {
    cluster = await startClusterFleet(1);
    ids = await cluster.idsOf(USERS);
  }, 120_000);
  afterAll(() => cluster.stop());

  const statusOf = async (user: string) => (await cluster.api(0).token(user)).status;

  test('holds up no token of a user of another one, however many calls are about its own, and no disconnect for long', async () => {
    const workerOf = await cluster.workersOf(USERS);
    const [gone = 0] = workerOf.values();
    const own = USERS.filter((user) => workerOf.get(user) === gone);
    const others = USERS.filter((user) => workerOf.get(user) !== gone);
    const leaving = others.splice(0, LEAVING);
    // The first calls at a worker go through the coordinator, while connections are opened.
    const first = [...own.splice(0, 4), ...others.splice(0, 4)];
    for (const user of first) expect([user, await statusOf(user)]).toEqual([user, 200]);
    cluster.proxies.get(gone)?.vanish();
    let isOver = false;
    const statuses = new Set<number>();
    const callers = Array.from({ length: CALLERS }, async (_, index) => {
      while (!isOver) statuses.add(await statusOf(own[index % own.length] ?? ''));
    });
    const api = cluster.api(0);
    const readers = Array.from({ length: READERS }, async (_, index) => {
      while (!isOver) await api.get(`/grants/${ids.get(others[index] ?? '') ?? ''}`);
    });
    const slow: unknown[] = [];
    const goneAt = performance.now();
    try {
      for (let call = 0; performance.now() - goneAt < GONE_MS && slow.length === 0; call++) {
        const askedAt = performance.now();
        const status = await statusOf(others[call % others.length] ?? '');
        const ms = performance.now() - askedAt;
        if (status !== 200 || ms > SOON_MS) slow.push({ status, ms, since: askedAt - goneAt });
      }
      // A grant that is named by its id alone is looked for at all servers first, for the time of a statement.
      const disconnect = async (user: string) =>
        (await api.delete(`/grants/${ids.get(user) ?? ''}`, { mode: 'local' })).status;
      expect(await Promise.all(leaving.map(disconnect))).toEqual(leaving.map(() => 200));
    } finally {
      isOver = true;
      await Promise.all([...callers, ...readers]);
      cluster.proxies.get(gone)?.lead(gone);
    }
    expect(slow).toEqual([]);
    expect([...statuses]).toEqual([503]);
  }, 90_000);
});
