/**
 * Commits of a cluster whose end is lost between coordinator and worker: what a user is told, and what is stored. They are seen on the
 * wire where the coordinator is told not to encrypt: citus.node_conninfo = 'sslmode=disable'. Run by `npm run test:citus`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { isCluster } from '../support/cluster.js';
import { type ClusterFleet, startClusterFleet } from '../support/cluster-fleet.js';
import type { Cut } from '../support/tcp-proxy.js';
import { YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const ALICE = 'alice@example.com';
/** As the coordinator names a shard. */
const CHANGES_GRANTS = /(UPDATE|DELETE FROM|INSERT INTO) public\.grants_\d+/;
const MOMENTS = [
  ['before the worker got it', false],
  ['after the worker did it', true],
] as const;

(isCluster ? describe : describe.skip)('on a cluster, where the end of a commit is lost', () => {
  let cluster: ClusterFleet;
  beforeAll(async () => {
    cluster = await startClusterFleet(2);
    cluster.fleet.google.control.rotateRefreshTokens(true);
    expect(await cluster.rows('SHOW citus.node_conninfo')).toEqual([
      { 'citus.node_conninfo': 'sslmode=disable' },
    ]);
  }, 120_000);
  afterEach(() => {
    for (const proxy of cluster.proxies.values()) void proxy.cutAt(null);
  });
  afterAll(() => cluster.stop());

  const api = (replica: number) => cluster.api(replica);
  const log = () => cluster.fleet.replicas.map((replica) => replica.log()).join('');
  /** @returns when it is lost, whose worker it ever is; the others lose nothing any more */
  const lose = async (cut: Cut) => {
    await Promise.any([...cluster.proxies.values()].map((proxy) => proxy.cutAt(cut)));
    for (const proxy of cluster.proxies.values()) void proxy.cutAt(null);
  };
  const isGone = (user: string) =>
    until(async () => {
      const statuses = await Promise.all(
        [0, 1].map(async (replica) => (await api(replica).token(user)).status),
      );
      return statuses.every((status) => status === 404);
    });

  test.each(MOMENTS)(
    'a disconnect whose COMMIT is lost %s is not answered with 200, and done when it is asked for again',
    async (when, isReceived) => {
      const user = `disconnected-${when.replaceAll(' ', '-')}`;
      const ids = await cluster.idsOf([user]);
      const disconnect = () => api(0).delete(`/grants/${ids.get(user) ?? ''}`, { mode: 'local' });
      expect((await api(1).token(user)).status).toBe(200);
      const lost = lose({ statement: /^COMMIT$/, after: CHANGES_GRANTS, isReceived });
      const first = await disconnect();
      await lost;
      expect([first.status, first.body['code']]).toEqual([503, 'database_unavailable']);
      if (isReceived) await isGone(user);
      await until(async () => (await disconnect()).status === (isReceived ? 404 : 200));
      await isGone(user);
    },
    60_000,
  );

  test.each(MOMENTS)(
    'a consent whose COMMIT is lost %s becomes one grant, and nothing of it is declared lost',
    async (when, isReceived) => {
      const user = `consented-${when.replaceAll(' ', '-')}`;
      const lost = lose({ statement: /^COMMIT$/, after: CHANGES_GRANTS, isReceived });
      const page = await api(0).connect({ user_id: user, scope: YOUTUBE }, { account: ALICE });
      await lost;
      expect(page.status).toBeLessThan(400);
      await until(async () => (await api(1).token(user)).status === 200);
      await until(async () => (await cluster.rows('SELECT id FROM pending_exchanges')).length === 0);
      const grants =
        'SELECT status, sealed_refresh_token IS NOT NULL AS sealed FROM grants WHERE user_id = $1';
      expect(await cluster.rows(grants, [user])).toEqual([{ status: 'active', sealed: true }]);
      const ledger = 'SELECT current, ended_at FROM refresh_tokens WHERE user_id = $1 AND current';
      expect(await cluster.rows(ledger, [user])).toEqual([{ current: true, ended_at: null }]);
      // The refresh token that is stored is one that Google takes.
      const { token_id: refused } = (await api(1).token(user)).body;
      expect((await api(1).token(user, { refused: String(refused) })).status).toBe(200);
      expect(log()).not.toMatch(/must connect again|is lost/);
    },
    60_000,
  );

  test.each(MOMENTS)(
    'a rotated refresh token whose COMMIT is lost %s is kept, and the one that the next refresh uses',
    async (when, isReceived) => {
      const user = `rotated-${when.replaceAll(' ', '-')}`;
      await cluster.idsOf([user]);
      const lost = lose({ statement: /^COMMIT$/, after: CHANGES_GRANTS, isReceived });
      const { status } = await api(0).token(user);
      await lost;
      expect([200, 503]).toContain(status);
      await until(async () => (await api(1).token(user)).status === 200);
      const { token_id: refused } = (await api(1).token(user)).body;
      const next = await api(1).token(user, { refused: String(refused) });
      expect(next).toMatchObject({ status: 200 });
      expect(next.body['token_id']).not.toBe(refused);
      const stored = await cluster.rows('SELECT status FROM grants WHERE user_id = $1', [user]);
      expect(stored).toEqual([{ status: 'active' }]);
    },
    60_000,
  );

  test('a revocation whose COMMIT PREPARED is lost has ended the grants with their slots, and the others when the cluster recovers it', async () => {
    const users = Array.from({ length: 40 }, (_, user) => `prepared-${user}`);
    // Of users who have no grant any more.
    await cluster.rows(`INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, current, issued_at, last_used_at,
        prefix_hash, sha512_hash)
      SELECT 'left-' || n, 'left', '103400000000000000001', 'default', false, now(), now(), '', ''
      FROM generate_series(1, 40) AS n`);
    const ids = await cluster.idsOf(users);
    const open = async (whose: string) => {
      const [row] = await cluster.rows(
        'SELECT count(*)::int AS count FROM refresh_tokens WHERE ended_at IS NULL AND user_id LIKE $1',
        [whose],
      );
      return Number(row?.['count']);
    };
    const lost = lose({
      statement: /^COMMIT PREPARED /,
      after: /UPDATE public\.refresh_tokens_\d+/,
      isReceived: false,
    });
    const revoke = await api(0).delete(`/grants/${ids.get('prepared-0') ?? ''}`, { mode: 'revoke' });
    expect(revoke.status).toBe(200);
    await lost;
    expect((await api(0).token('prepared-0')).status).toBe(404);
    for (const user of users.slice(1)) expect((await api(0).token(user)).status).toBe(410);
    expect(await open('prepared-%')).toBe(0);
    expect(await open('left-%')).toBeGreaterThan(0);
    await cluster.rows('SELECT recover_prepared_transactions()');
    expect(await open('left-%')).toBe(0);
  }, 120_000);
});
