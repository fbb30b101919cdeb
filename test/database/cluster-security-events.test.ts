/**
 * A security event about an account whose users are on several servers, interrupted between two of them, and delivered again. Run by
 * `npm run test:citus`.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { tokenBroker } from '../cli/token-broker.js';
import { isCluster } from '../support/cluster.js';
import { type ClusterFleet, startClusterFleet } from '../support/cluster-fleet.js';
import { canKillWorkers, killWorker, startWorker } from '../support/cluster-workers.js';
import { YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const ALICE = '103400000000000000001';
const BOB = 'bob@example.com';
const OF_EACH_WORKER = 3;
const NAMES = 60;
/** What an event is, what the users of the account are answered after it, and what webhooks are sent. */
const REVOKED = { type: 'tokens-revoked', status: 410, sent: 'grant.reconnect_required' };
const DISABLED = { type: 'account-disabled', status: 410, sent: 'grant.reconnect_required' };
const PURGED = { type: 'account-purged', status: 404, sent: 'grant.disconnected' };

type Event = typeof REVOKED;

(isCluster ? describe : describe.skip)('on a cluster, a security event that is interrupted', () => {
  let cluster: ClusterFleet;
  /** Users of the other account, by the port of their worker. */
  const bobs = new Map<number, string>();
  /** A session for each row that is held. */
  const holders = new Map<string, pg.Client>();

  beforeAll(async () => {
    cluster = await startClusterFleet(1);
    // Nothing listens there: what is sent stays in the outbox.
    const webhook = ['webhook', 'create', 'app', '--url', 'http://127.0.0.1:9/hooks'];
    expect(await tokenBroker(webhook, cluster.fleet.settings)).toMatchObject({ code: 0 });
    for (const [user, port] of await cluster.workersOf(names('bob'))) {
      if (bobs.has(port)) continue;
      bobs.set(port, user);
      await connectBob(user);
    }
    expect(bobs.size).toBe(cluster.proxies.size);
  }, 120_000);
  afterEach(async () => {
    for (const held of [...holders.keys()]) await release(held);
    for (const [port, proxy] of cluster.proxies) proxy.lead(port);
  });
  afterAll(() => cluster.stop());

  const names = (prefix: string) => Array.from({ length: NAMES }, (_, index) => `${prefix}-${index}`);
  const connectBob = (user: string) =>
    cluster.api(0).connect({ user_id: user, scope: YOUTUBE }, { account: BOB });
  const statusOf = async (user: string) => (await cluster.api(0).token(user)).status;
  const statusesOf = (users: readonly string[]) => Promise.all(users.map(statusOf));

  const hold = async (what: string, text: string, values: unknown[]) => {
    const holder = new pg.Client({ connectionString: cluster.fleet.settings['DATABASE_URL'] });
    await holder.connect();
    holders.set(what, holder);
    await holder.query('BEGIN');
    await holder.query(text, values);
    const { rows } = await holder.query<{ pid: number; gpid: string }>(
      'SELECT pg_backend_pid() AS pid, citus_backend_gpid() AS gpid',
    );
    return rows[0] ?? { pid: 0, gpid: '' };
  };
  const release = async (what: string) => {
    const holder = holders.get(what);
    holders.delete(what);
    // Its worker may be away.
    await holder?.query('ROLLBACK').catch(() => undefined);
    await holder?.end();
  };

  /** Some users of each worker, whose grants are of one account. */
  const usersOfAlice = async () => {
    const workerOf = await cluster.workersOf(names(`alice-${randomUUID().slice(0, 8)}`));
    const ofPort = (port: number) => [...workerOf.keys()].filter((user) => workerOf.get(user) === port);
    const users = [...cluster.proxies.keys()].flatMap((port) => ofPort(port).slice(0, OF_EACH_WORKER));
    await cluster.idsOf(users);
    return new Map(users.map((user) => [user, workerOf.get(user) ?? 0]));
  };
  const sign = async ({ type }: Event, jti: string) => {
    const subject = { subject_type: 'iss-sub', iss: `${cluster.fleet.google.url}/`, sub: ALICE };
    return (await cluster.fleet.google.control.sendSecurityEvent({ type, subject, jti, to: null })).token;
  };
  /** @returns null where the broker was killed meanwhile */
  const deliver = async (token: string, replica = 0) => {
    const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json' };
    const to = `${cluster.fleet.replicas.at(replica)?.url ?? ''}/security-events/google`;
    const response = await fetch(to, { method: 'POST', headers, body: token }).catch(() => null);
    return response && response.status;
  };
  const isHandled = async (jti: string) =>
    (await cluster.rows('SELECT FROM security_events WHERE jti = $1', [jti])).length > 0;

  /** Each user was told once, and has the event in the audit trail once; no row says that it concerned none. */
  const expectDoneOnce = async (users: Iterable<string>, { status, sent }: Event, jti: string) => {
    const each = [...users].sort();
    for (const user of each) await until(async () => (await statusOf(user)) === status);
    const outbox =
      'SELECT user_id FROM outbox_events WHERE user_id = ANY ($1) AND type = $2 ORDER BY user_id COLLATE "C"';
    const trail = `SELECT user_id FROM audit_trail WHERE action = 'security.event' AND details->>'jti' = $1
      AND (user_id = ANY ($2) OR user_id = '') ORDER BY user_id COLLATE "C"`;
    const once = each.map((user_id) => ({ user_id }));
    expect(await cluster.rows(outbox, [each, sent])).toEqual(once);
    expect(await cluster.rows(trail, [jti, each])).toEqual(once);
    expect(await isHandled(jti)).toBe(true);
  };

  /**
   * Delivers an event that waits for the first user of a second worker, after all users of the other one who come before.
   * @returns whose grants it has ended, and the worker of whom it waits for
   */
  const stopBetweenUsers = async (users: ReadonlyMap<string, number>, token: string, replica: number) => {
    const userOf = new Map<string, string>();
    for (const user of users.keys()) {
      const { gpid } = await hold(user, 'SELECT FROM grants WHERE user_id = $1 FOR UPDATE', [user]);
      userOf.set(gpid, user);
    }
    const delivered = deliver(token, replica);
    const ended: string[] = [];
    for (;;) {
      let waited = '';
      await until(async () => {
        const rows = await cluster.rows('SELECT blocking_gpid AS gpid FROM citus_lock_waits');
        const blocking = rows.map(({ gpid }) => userOf.get(String(gpid)) ?? '');
        waited = blocking.find((user) => holders.has(user)) ?? '';
        return waited !== '';
      });
      const worker = users.get(waited) ?? 0;
      if (ended.some((user) => users.get(user) !== worker)) return { delivered, ended, worker };
      await release(waited);
      ended.push(waited);
    }
  };
  const others = (users: ReadonlyMap<string, number>, ended: readonly string[]) =>
    [...users.keys()].filter((user) => !ended.includes(user));

  test.each([REVOKED, DISABLED, PURGED])(
    'as $type by the end of the broker is done for the users who are left when it is delivered again',
    async (event) => {
      const jti = randomUUID();
      const users = await usersOfAlice();
      await cluster.fleet.add();
      const token = await sign(event, jti);
      const { delivered, ended } = await stopBetweenUsers(users, token, -1);
      // Those of another account can connect, and get tokens.
      expect((await connectBob(`bob-${jti}`)).status).toBeLessThan(400);
      expect(await statusesOf([`bob-${jti}`, ...bobs.values()])).toEqual([200, 200, 200]);
      await cluster.fleet.replicas.at(-1)?.end('SIGKILL');
      expect(await delivered).toBe(null);
      for (const held of [...holders.keys()]) await release(held);
      for (const user of ended) await until(async () => (await statusOf(user)) === event.status);
      const left = others(users, ended);
      expect(await statusesOf(left)).toEqual(left.map(() => 200));
      expect(await isHandled(jti)).toBe(false);
      expect(await deliver(token)).toBe(202);
      await expectDoneOnce(users.keys(), event, jti);
      expect(await deliver(token)).toBe(202);
      await expectDoneOnce(users.keys(), event, jti);
    },
    120_000,
  );

  test.each([REVOKED, DISABLED, PURGED])(
    'as $type by the end of the broker before it is recorded is recorded when it is delivered again',
    async (event) => {
      const jti = randomUUID();
      const users = await usersOfAlice();
      const replica = await cluster.fleet.add();
      const token = await sign(event, jti);
      const { pid } = await hold(
        'event',
        'INSERT INTO security_events (jti, received_at) VALUES ($1, now())',
        [jti],
      );
      const delivered = deliver(token, -1);
      const waiting = 'SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))';
      await until(async () => (await cluster.rows(waiting, [pid])).length > 0);
      await replica.end('SIGKILL');
      expect(await delivered).toBe(null);
      await release('event');
      for (const user of users.keys()) await until(async () => (await statusOf(user)) === event.status);
      expect(await isHandled(jti)).toBe(false);
      expect(await deliver(token)).toBe(202);
      await expectDoneOnce(users.keys(), event, jti);
    },
    120_000,
  );

  const cut = (port: number) => Promise.resolve(cluster.proxies.get(port)?.cut());
  const lead = (port: number) => Promise.resolve(cluster.proxies.get(port)?.lead(port));
  const outages = [
    { event: REVOKED, outage: 'cut off', away: cut, back: lead },
    ...(canKillWorkers ? [{ event: DISABLED, outage: 'killed', away: killWorker, back: startWorker }] : []),
  ];

  test.each(outages)(
    'as $event.type by a worker that is $outage is done for its users once it is back',
    async ({ event, away, back }) => {
      const jti = randomUUID();
      const users = await usersOfAlice();
      const token = await sign(event, jti);
      const { delivered, ended, worker } = await stopBetweenUsers(users, token, 0);
      await away(worker);
      try {
        expect(await delivered).toBe(503);
        for (const held of [...holders.keys()]) await release(held);
        for (const user of ended) await until(async () => (await statusOf(user)) === event.status);
        // Those of another account, and the others of this one, by their worker.
        for (const [port, user] of bobs)
          await until(async () => (await statusOf(user)) === (port === worker ? 503 : 200));
        const left = others(users, ended).filter((user) => users.get(user) === worker);
        expect(await statusesOf(left)).toEqual(left.map(() => 503));
        expect(await deliver(token)).toBe(503);
        expect(await isHandled(jti)).toBe(false);
      } finally {
        await back(worker);
      }
      await until(async () => (await deliver(token)) === 202);
      await expectDoneOnce(users.keys(), event, jti);
      for (const user of bobs.values()) await until(async () => (await statusOf(user)) === 200);
    },
    120_000,
  );
});
