/** Many at once: one expired token and three replicas; thousands of expired tokens and one replica; a dead grant. */
import { seedGrants } from '../sandbox/fleet/seed.js';
import { askOnce, percentile, withFleet } from './environment.js';

export interface Herd {
  readonly callers: number;
  readonly replicas: number;
  readonly askedAtGoogle: number;
  readonly answered: number;
  readonly tokens: number;
  /** Milliseconds until the last was answered. */
  readonly ms: number;
}

export function measureHerd(databaseUrl: string): Promise<Herd> {
  const [callers, replicas] = [1000, 3];
  return withFleet(databaseUrl, replicas, {}, async ({ fleet, database, key }) => {
    await seedGrants(fleet, database, ['crowd'], 0);
    fleet.google.control.latency('token', 100);
    const start = performance.now();
    const answers = await Promise.all(
      Array.from({ length: callers }, (_, call) =>
        askOnce(fleet.replicas[call % replicas]?.url ?? '', 'crowd', key),
      ),
    );
    return {
      callers,
      replicas,
      askedAtGoogle: fleet.google.control.count('token', 'refresh_token'),
      answered: answers.filter(({ status }) => status === 200).length,
      tokens: new Set(answers.map(({ token }) => token)).size,
      ms: performance.now() - start,
    };
  });
}

export interface Storm {
  readonly users: number;
  readonly poolSize: number;
  readonly concurrency: number;
  readonly answered: number;
  /** Seconds that these requests take at Google with this concurrency, without any overhead. */
  readonly floorSeconds: number;
  readonly seconds: number;
}

export function measureStorm(databaseUrl: string): Promise<Storm> {
  const [users, poolSize, concurrency, googleMs] = [2000, 10, 100, 200];
  const settings = { DATABASE_POOL_SIZE: String(poolSize), GOOGLE_CONCURRENCY: String(concurrency) };
  return withFleet(databaseUrl, 1, settings, async ({ fleet, database, key }) => {
    const names = Array.from({ length: users }, (_, user) => `storm-${user}`);
    await seedGrants(fleet, database, names, 0);
    fleet.google.control.latency('token', googleMs);
    const start = performance.now();
    const answers = await Promise.all(names.map((user) => askOnce(fleet.replicas[0]?.url ?? '', user, key)));
    return {
      users,
      poolSize,
      concurrency,
      answered: answers.filter(({ status }) => status === 200).length,
      floorSeconds: ((users / concurrency) * googleMs) / 1000,
      seconds: (performance.now() - start) / 1000,
    };
  });
}

export interface Disconnects {
  readonly times: number;
  /** Milliseconds from the answer of the disconnect on one replica to the first refusal on another. */
  readonly p50: number;
  readonly p99: number;
  readonly servedAfterLoss: number;
}

export function measureDisconnects(databaseUrl: string): Promise<Disconnects> {
  const times = 200;
  return withFleet(databaseUrl, 2, {}, async ({ fleet, database, key }) => {
    const [here, there] = fleet.replicas.map(({ url }) => url) as [string, string];
    const users = Array.from({ length: times }, (_, user) => `leaving-${user}`);
    await seedGrants(fleet, database, users, 3000);
    const delays: number[] = [];
    for (const user of users) {
      await askOnce(there, user, key);
      const { rows } = await database.query<{ id: string }>('SELECT id FROM grants WHERE user_id = $1', [
        user,
      ]);
      const headers = { authorization: `Bearer ${key}` };
      await fetch(`${here}/grants/${rows[0]?.id ?? ''}?mode=local`, { method: 'DELETE', headers });
      const start = performance.now();
      while ((await askOnce(there, user, key)).status === 200);
      delays.push(performance.now() - start);
    }
    await seedGrants(fleet, database, ['silent'], 3000);
    await askOnce(there, 'silent', key);
    return {
      times,
      p50: percentile(delays, 0.5),
      p99: percentile(delays, 0.99),
      servedAfterLoss: await servedAfterLoss(database, () => askOnce(there, 'silent', key)),
    };
  });
}

/** The grant is deleted without a notification: how often is its token still served? */
async function servedAfterLoss(
  database: { query: (sql: string) => Promise<unknown> },
  ask: () => Promise<{ status: number }>,
): Promise<number> {
  await database.query('ALTER TABLE grants DISABLE TRIGGER USER');
  await database.query(
    `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = 'token-broker changes'`,
  );
  await database.query(`DELETE FROM grants WHERE user_id = 'silent'`);
  let served = 0;
  for (let call = 0; call < 100; call++) if ((await ask()).status === 200) served++;
  await database.query('ALTER TABLE grants ENABLE TRIGGER USER');
  return served;
}

export interface Dead {
  readonly calls: number;
  readonly askedAtGoogle: number;
  readonly callsPerSecond: number;
}

export function measureDead(databaseUrl: string): Promise<Dead> {
  const calls = 10_000;
  return withFleet(databaseUrl, 1, {}, async ({ fleet, database, key }) => {
    await seedGrants(fleet, database, ['dead'], 0);
    const url = fleet.replicas[0]?.url ?? '';
    fleet.google.control.failNext('token', { named: 'invalid_grant_expired_or_revoked' });
    await askOnce(url, 'dead', key);
    fleet.google.control.clearRequests();
    const start = performance.now();
    for (let call = 0; call < calls; call += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => askOnce(url, 'dead', key)));
      if (answers.some(({ status }) => status !== 410)) throw new Error('A dead grant was not refused.');
    }
    return {
      calls,
      askedAtGoogle: fleet.google.control.count('token', 'refresh_token'),
      callsPerSecond: calls / ((performance.now() - start) / 1000),
    };
  });
}
