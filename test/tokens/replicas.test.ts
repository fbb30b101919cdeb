import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { ADWORDS } from '../../src/domain/google/scopes.js';
import { Api, Browser } from '../support/api.js';
import { inEachForm, runSql, testOfOneServer } from '../support/cluster.js';
import { asRuntime, createDatabase, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const ALICE = { email: 'alice@example.com' };

/** Three brokers, each a process of its own, over one database. */
describe('the replicas', () => {
  let fleet: Fleet;
  let database: pg.Client;
  let url: string;
  let apis: Api[];
  let key: string;
  beforeAll(async () => {
    url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    fleet = await startFleet(asRuntime(url), 3, { GOOGLE_TIMEOUT_MS: '3000', BROWSER_RATE_LIMIT: '1000' });
    key = await seedService(fleet, database);
    apis = fleet.replicas.map(({ url }) => new Api(url, key));
  }, 60_000);
  afterEach(() => {
    seeded = new Set();
    fleet.google.control.reset();
  });
  afterAll(async () => {
    await fleet.stop();
    await database.end();
  });

  /** The refresh tokens of a test: what another test began may still be under way at Google. */
  let seeded = new Set<unknown>();
  const asked = () =>
    fleet.google.control.requests.filter(({ parameters }) => seeded.has(parameters['refresh_token'])).length;
  const seed = async (users: string[], secondsLeft = 0) => {
    for (const token of (await seedGrants(fleet, inEachForm(database), users, secondsLeft)).keys())
      seeded.add(token);
  };
  const rows = (sql: string, ...values: unknown[]) => runSql(database, sql, values);
  const grant = async (user: string) =>
    (await rows('SELECT * FROM grants WHERE user_id = $1', user))[0] as Record<string, unknown>;
  const isLeased = async (user: string) => (await grant(user))['lease_owner'] !== null;
  const api = (replica: number) => apis[replica] as Api;
  const ask = ({ url }: Replica, user: string) =>
    fetch(`${url}/tokens/${user}`, { headers: { authorization: `Bearer ${key}` } });

  test('make one request to Google for a thousand concurrent callers with one expired token, and give all the same', async () => {
    await seed(['crowd']);
    fleet.google.control.latency('token', 200);
    const responses = await Promise.all(
      Array.from({ length: 1000 }, (_, call) => api(call % 3).token('crowd')),
    );
    expect(responses.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([]);
    expect(new Set(responses.map(({ body }) => body['access_token'])).size).toBe(1);
    expect(asked()).toBe(1);
  });

  test('refresh once for a thousand concurrent callers whose token Google refused, and give later ones the newer', async () => {
    await seed(['refused'], 3000);
    const held = await Promise.all(apis.map((each) => each.token('refused')));
    expect(new Set(held.map(({ body }) => body['access_token'])).size).toBe(1);
    const query = `?refused=${String(held[0]?.body['token_id'])}`;
    fleet.google.control.latency('token', 200);
    const get = async (call: number, search: string) => {
      const response = await fetch(`${api(call % 3).url}/tokens/refused${search}`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      return token ?? `status ${response.status}`;
    };
    const tokens = await Promise.all(Array.from({ length: 1000 }, (_, call) => get(call, query)));
    const later = await Promise.all([0, 1, 2, 3, 4, 5].map((call) => get(call, call < 3 ? query : '')));
    const issued = new Set([...tokens, ...later]);
    expect([...issued]).toEqual([expect.stringContaining('ya29.')]);
    expect(issued).not.toContain(held[0]?.body['access_token']);
    expect(asked()).toBe(1);
  });

  testOfOneServer(
    'take over a lease that expires when one is killed between Google’s response and its write',
    async () => {
      await seed(['orphan']);
      const leader = await fleet.add();
      const locker = new pg.Client({ connectionString: url });
      await locker.connect();
      fleet.google.control.latency('token', 100);
      const lost = ask(leader, 'orphan').catch(() => null);
      await until(() => isLeased('orphan'));
      await locker.query('BEGIN');
      await locker.query(`SELECT 1 FROM grants WHERE user_id = 'orphan' FOR UPDATE`);
      const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%refreshed_at%'
      AND datname = current_database()`;
      await until(async () => (await rows(waiting)).length === 1);
      await leader.end('SIGKILL');
      // Its statement would still run once the lock is free.
      await rows(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS w`);
      await locker.query('COMMIT');
      await locker.end();
      expect(await lost).toBeNull();
      expect(asked()).toBe(1);
      const responses = await Promise.all([
        api(0).token('orphan'),
        api(1).token('orphan'),
        api(2).token('orphan'),
      ]);
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(asked()).toBe(2);
      expect(await grant('orphan')).toMatchObject({ refreshes: 1, lease_owner: null });
    },
  );

  test('discard the late response of a refresh after a disconnect', async () => {
    await seed(['leaving']);
    fleet.google.control.latency('token', 300);
    const late = api(0).token('leaving', { scope: YOUTUBE });
    await until(() => isLeased('leaving'));
    const { id } = await grant('leaving');
    expect((await api(1).delete(`/grants/${id as string}`, { mode: 'local' })).status).toBe(200);
    const response = await late;
    expect(response.body).toMatchObject({ code: 'not_connected' });
    expect(response.text).not.toContain('ya29.');
    expect(await rows('SELECT * FROM access_tokens WHERE grant_id = $1', id)).toEqual([]);
  });

  test('discard the late response of a refresh after a consent, and serve the consent’s token', async () => {
    await seed(['returning']);
    fleet.google.control.latency('token', 2500);
    const late = api(1).token('returning');
    await until(async () => (await isLeased('returning')) && asked() === 1);
    fleet.google.control.latency('token', 0);
    const ticket = { user_id: 'returning', scope: `${YOUTUBE} email`, account_hint: ALICE.email };
    await api(0).connect(ticket, { account: ALICE.email });
    const response = await late;
    expect(response.status).toBe(200);
    expect(await grant('returning')).toMatchObject({ version: 2, refreshes: 0, lease_owner: null });
    expect((await api(2).token('returning')).body['access_token']).toBe(response.body['access_token']);
    expect(asked()).toBe(1);
  });

  test('answer a caller that waits at one of them when the connect ends at another', async () => {
    const ticket = { user_id: 'awaited', scope: `${YOUTUBE} email`, account_hint: ALICE.email };
    const { id, url } = await api(0).ticket(ticket);
    const waiting = [1, 2].map((replica) => api(replica).get(`/connect/tickets/${id}`, { wait: '55' }));
    await new Browser().connect(url, { account: ALICE.email });
    for (const response of await Promise.all(waiting))
      expect(response.body).toMatchObject({ state: 'success' });
  });

  test('write once for two concurrent refreshes', async () => {
    await seed(['racing']);
    fleet.google.control.latency('token', 300);
    const first = api(0).token('racing');
    await until(() => isLeased('racing'));
    await rows(`UPDATE grants SET lease_expires_at = now() WHERE user_id = 'racing'`);
    const [one, other] = await Promise.all([first, api(1).token('racing')]);
    expect(asked()).toBe(2);
    expect(await grant('racing')).toMatchObject({ refreshes: 1 });
    expect(one.body['access_token']).toBe(other.body['access_token']);
  });

  test('serve no grant that was disconnected on another', async () => {
    await seed(['gone'], 3000);
    for (const each of apis) expect((await each.token('gone')).status).toBe(200);
    const { id } = await grant('gone');
    await api(0).delete(`/grants/${id as string}`, { mode: 'local' });
    expect((await api(0).token('gone')).status).toBe(404);
    await until(async () => (await api(1).token('gone')).status === 404);
    await until(async () => (await api(2).token('gone')).status === 404);
  });

  test('refuse a service that was revoked on one', async () => {
    await seed(['kept'], 3000);
    const other = await seedService(fleet, database);
    const services = fleet.replicas.slice(0, 3).map(({ url }) => new Api(url, other));
    for (const each of services) await until(async () => (await each.token('kept')).status === 200);
    await rows('UPDATE services SET revoked_at = now() WHERE id = $1', other.split('_')[1]);
    for (const each of services) await until(async () => (await each.token('kept')).status === 401);
  });

  testOfOneServer('serve nothing from the cache without the change feed', async () => {
    await seed(['silent'], 3000);
    for (const each of apis) expect((await each.token('silent')).status).toBe(200);
    await rows('ALTER TABLE grants DISABLE TRIGGER USER');
    const listeners = `SELECT pid FROM pg_stat_activity WHERE application_name = 'token-broker changes'
      AND datname = current_database()`;
    const old = (await rows(listeners)).map(({ pid }) => pid);
    await rows(`SELECT pg_terminate_backend(pid) FROM (${listeners}) AS l`);
    await until(async () => (await rows(listeners)).every(({ pid }) => !old.includes(pid)));
    await rows(`DELETE FROM grants WHERE user_id = 'silent'`);
    await rows('ALTER TABLE grants ENABLE TRIGGER USER');
    for (const each of apis) expect((await each.token('silent')).status).toBe(404);
  });

  test('serve calls with a valid token while Google fails three times in ten', async () => {
    const users = Array.from({ length: 30 }, (_, user) => `steady-${user}`);
    await seed(users, 500);
    for (const fault of [{ status: 500, body: '' }, { drop: true as const }, { delayMs: 10_000 }]) {
      fleet.google.control.failNext('token', { ...fault, chance: 0.3 }, 20);
    }
    for (let round = 0; round < 3; round++) {
      const responses = await Promise.all(users.map((user, call) => api(call % 3).token(user)));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    }
    await until(() => asked() >= 30);
  });

  test('send few requests to Google while it always fails, however many calls come', async () => {
    await seed(['unlucky']);
    fleet.google.control.failAlways('token', { status: 503, body: '' });
    const start = performance.now();
    while (performance.now() - start < 1500) {
      const responses = await Promise.all(apis.map((each) => each.token('unlucky')));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([503]));
    }
    // The backoff is 0.5 to 1 s, then 1 to 2 s, then 2 to 4 s ...
    const elapsed = performance.now() - start;
    const earliest = [0, 500, 1500, 3500, 7500, 15_500, 31_500];
    expect(asked()).toBeGreaterThanOrEqual(2);
    expect(asked()).toBeLessThanOrEqual(earliest.filter((at) => at <= elapsed).length);
  });

  test('keep the circuit open for five seconds when Google fails for all users, then try one request', async () => {
    const users = Array.from({ length: 40 }, (_, user) => `circuit-${user}`);
    await seed(users);
    // Each process has its own circuits.
    const replica = await fleet.add();
    const askAll = (some: string[]) =>
      Promise.all(some.map(async (user) => (await ask(replica, user)).status));
    fleet.google.control.failAlways('token', { status: 503, body: '' });
    expect(new Set(await askAll(users.slice(0, 30)))).toEqual(new Set([503]));
    const before = asked();
    expect(new Set(await askAll(users.slice(30)))).toEqual(new Set([503]));
    expect(asked()).toBe(before);

    await pause(5100);
    fleet.google.control.clearFaults();
    fleet.google.control.latency('token', 500);
    const tried = await askAll(users.slice(30));
    expect(tried.toSorted()).toEqual([200, ...Array.from({ length: 9 }, () => 503)]);
    expect(asked()).toBe(before + 1);
    // The refused calls hold no lease; their failure is cached for a second.
    await pause(1100);
    expect(new Set(await askAll(users.slice(30)))).toEqual(new Set([200]));
  }, 30_000);

  test('hand the lease back where a refresh token does not open, for one that has the key', async () => {
    await seed(['unsealed']);
    const [row] = await rows(
      'SELECT sealed_refresh_token AS sealed FROM grants WHERE user_id = $1',
      'unsealed',
    );
    const store = (sealed: unknown) =>
      rows('UPDATE grants SET sealed_refresh_token = $1 WHERE user_id = $2', sealed, 'unsealed');
    await store('not sealed by the broker');
    expect((await api(0).token('unsealed')).body).toMatchObject({ code: 'integrity_failed' });
    expect(await grant('unsealed')).toMatchObject({ lease_owner: null, lease_expires_at: null });
    await store(row?.['sealed']);
    expect((await api(0).token('unsealed')).status).toBe(200);
  });

  test('send no requests to Google for a dead grant', async () => {
    await seed(['dead']);
    fleet.google.control.failNext('token', { named: 'invalid_grant_expired_or_revoked' });
    expect((await api(0).token('dead')).status).toBe(410);
    const before = asked();
    for (let call = 0; call < 500; call += 250) {
      const responses = await Promise.all(
        Array.from({ length: 250 }, (_, one) =>
          fetch(`${api(one % 3).url}/tokens/dead`, { headers: { authorization: `Bearer ${key}` } }),
        ),
      );
      for (const response of responses) await response.arrayBuffer();
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([410]));
    }
    expect(asked()).toBe(before);
  });

  test('finish requests in flight, hand the lease back and exit with 0 on SIGTERM', async () => {
    await seed(['last', 'stuck']);
    const [quick, slow] = [await fleet.add(), await fleet.add({ GOOGLE_TIMEOUT_MS: '30000' })];
    fleet.google.control.latency('token', 300);
    const last = ask(quick, 'last');
    await until(() => isLeased('last'));
    expect(await quick.end('SIGTERM')).toBe(0);
    expect((await last).status).toBe(200);
    expect(await grant('last')).toMatchObject({ refreshes: 1, lease_owner: null });

    fleet.google.control.latency('token', 60_000);
    const stuck = ask(slow, 'stuck');
    await until(() => isLeased('stuck'));
    const started = performance.now();
    expect(await slow.end('SIGTERM')).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect((await stuck).status).toBe(503);
    expect(await grant('stuck')).toMatchObject({ lease_owner: null, lease_expires_at: null });
  }, 30_000);

  test('abort a request to stalled Google Ads on SIGTERM, answer the caller with 503 and exit with 0', async () => {
    await seedGrants(fleet, inEachForm(database), ['advertiser'], 3000, ADWORDS);
    const replica = await fleet.add({ GOOGLE_TIMEOUT_MS: '30000' });
    fleet.google.control.latency('ads', 60_000);
    const stuck = fetch(`${replica.url}/users/advertiser/ads/customers`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await until(() => fleet.google.control.count('ads') > 0);
    expect(await replica.end('SIGTERM')).toBe(0);
    expect((await stuck).status).toBe(503);
    expect(await (await stuck).json()).toMatchObject({ code: 'google_unavailable' });
  }, 30_000);
});
