/** Reads without a cache: a token in PostgreSQL only, an expired one, and tables of several sizes. */
import { CLIENT_ID } from '../sandbox/fleet/fleet.js';
import { seedGrants } from '../sandbox/fleet/seed.js';
import { askOnce, type BenchEnvironment, median, percentile, withFleet } from './environment.js';

const READS = 400;
const READS_OF_A_SIZE = 1000;
const GOOGLE_MS = 50;

interface Latency {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Cold extends Latency {
  /** SQL statements a read, counted by PostgreSQL. */
  readonly queries: number;
}

export function measureCold(databaseUrl: string): Promise<Cold> {
  return withFleet(databaseUrl, 1, { AUDIT_FLUSH_SECONDS: '60' }, async (environment) => {
    const users = await seed(environment, 'cold', READS + 50, 3000);
    await readAll(environment, users.splice(0, 50));
    const before = await grantScans(environment);
    const latencies = await readAll(environment, users);
    const after = await grantScans(environment);
    return { ...summary(latencies), queries: (after - before) / users.length };
  });
}

export interface Expired extends Latency {
  /** Calls that the process had answered before. */
  readonly after: number;
  /** The same measure soon after the start, while V8 interprets most of what it runs. */
  readonly young: Latency;
}

/** What the broker adds to what Google takes: find, lease, save. */
export function measureExpired(databaseUrl: string): Promise<Expired> {
  return withFleet(databaseUrl, 1, {}, async (environment) => {
    environment.fleet.google.control.latency('token', GOOGLE_MS);
    const measure = async (name: string) => {
      const google = await googleAlone(environment);
      const latencies = await readAll(environment, await seed(environment, name, 200, 0));
      return summary(latencies.map((ms) => ms - google));
    };
    await readAll(environment, await seed(environment, 'first', 50, 0));
    const young = await measure('young');
    for (let crowd = 0; crowd < 60; crowd++) {
      const users = await seed(environment, `crowd-${crowd}`, 20, 0);
      await Promise.all(users.map((user) => readAll(environment, [user])));
    }
    return { ...(await measure('old')), young, after: 50 + 200 + 60 * 20 };
  });
}

export interface Sized extends Latency {
  readonly grants: number;
}

/** The same cold read over tables that grow. Users who are read are spread over all of it. */
export function measureSizes(databaseUrl: string, sizes: readonly number[]): Promise<Sized[]> {
  return withFleet(databaseUrl, 1, {}, async (environment) => {
    const measured: Sized[] = [];
    let filled = 0;
    for (const size of sizes) {
      await fill(environment, filled, size - READS_OF_A_SIZE);
      filled = size - READS_OF_A_SIZE;
      // As in steady state, not right after a million inserts.
      await environment.database.query('VACUUM (ANALYZE) grants, access_tokens');
      await environment.database.query('CHECKPOINT');
      const users = await seed(environment, `of-${size}`, READS_OF_A_SIZE, 3000);
      await readAll(environment, users.splice(0, 300));
      measured.push({ grants: size, ...summary(await readAll(environment, users)) });
    }
    return measured;
  });
}

async function seed({ fleet, database }: BenchEnvironment, name: string, count: number, secondsLeft: number) {
  const users = Array.from({ length: count }, (_, user) => `${name}-${user}`);
  await seedGrants(fleet, database, users, secondsLeft);
  return users;
}

/** Rows as long as real ones, which no call reads. */
async function fill({ database }: BenchEnvironment, from: number, to: number): Promise<void> {
  await database.query(
    `WITH filled AS (
       INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
         sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
       SELECT gen_random_uuid(), 'filler-' || md5(n::text), 'default', md5('sub' || n), 'filler@example.com',
         ARRAY['https://www.googleapis.com/auth/yt-analytics.readonly'],
         ARRAY['https://www.googleapis.com/auth/yt-analytics.readonly'], 'active', repeat(md5(n::text), 12), now(), now(), now()
       FROM generate_series($1::int + 1, $2::int) AS n RETURNING id)
     INSERT INTO access_tokens (grant_id, scope_set, sealed_token, obtained_at, expires_at)
     SELECT id, 'https://www.googleapis.com/auth/yt-analytics.readonly', repeat(md5(id::text), 16), now(), now() + interval '1 hour'
     FROM filled`,
    [from, to],
  );
}

async function readAll({ fleet, key }: BenchEnvironment, users: readonly string[]): Promise<number[]> {
  const latencies: number[] = [];
  for (const user of users) {
    const { status, ms } = await askOnce(fleet.replicas[0]?.url ?? '', user, key);
    if (status !== 200) throw new Error(`A read was answered ${status}.`);
    latencies.push(ms);
  }
  return latencies;
}

/** Scans of the table of grants: one for each read, if a read is one query. */
async function grantScans({ database }: BenchEnvironment): Promise<number> {
  // PostgreSQL counts a statement when its session reports: an idle one late, an ending one at once.
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'token-broker'`,
  );
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await database.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await database.query<{ scans: string }>(
    `SELECT sum(idx_scan + seq_scan) AS scans FROM pg_stat_user_tables WHERE relname = 'grants'`,
  );
  return Number(rows[0]?.scans ?? 0);
}

/** The same request to the stand-in, without the broker. */
async function googleAlone({ fleet }: BenchEnvironment): Promise<number> {
  const { web } = fleet.google.clientSecretJson(CLIENT_ID) as { web?: Record<string, string> };
  const refreshToken = fleet.google.control.issueRefreshToken('103400000000000000001', CLIENT_ID, ['openid']);
  const latencies: number[] = [];
  for (let call = 0; call < 40; call++) {
    const start = performance.now();
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: web?.['client_id'] ?? '',
      client_secret: web?.['client_secret'] ?? '',
    });
    const answer = await fetch(`${fleet.google.url}/token`, { method: 'POST', body });
    await answer.text();
    if (!answer.ok) throw new Error(`The stand-in answered ${answer.status}.`);
    latencies.push(performance.now() - start);
  }
  return median(latencies);
}

function summary(latencies: readonly number[]): Latency {
  return { p50: median(latencies), p99: percentile(latencies, 0.99) };
}
