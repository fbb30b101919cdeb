/** The environment of each measure: its own PostgreSQL with a migrated database, fleets of brokers on it, and their callers. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Agent, request } from 'undici';
import { type Fleet, startFleet } from '../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../sandbox/fleet/seed.js';
import { startPostgres } from '../sandbox/trial/postgres.js';
import { migrate } from '../src/token-store/migrations/migrate.js';

export const MIGRATIONS = new URL('../../prisma/migrations', import.meta.url).pathname;

export interface BenchEnvironment {
  readonly fleet: Fleet;
  /** The address of the fleet's first broker. */
  readonly url: string;
  readonly database: pg.Client;
  readonly key: string;
  readonly authorization: Readonly<{ authorization: string }>;
  /** Users with a grant each. @param secondsLeft until their access tokens expire; 0: they have none */
  readonly seed: (name: string, count: number, secondsLeft: number) => Promise<string[]>;
}

/** Defaults of PostgreSQL but for what the embedded one needs: what is measured is written to disk. */
export async function withPostgres<T>(measure: (url: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-bench-'));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), password: randomUUID() });
  try {
    await migrate(postgres.url('postgres'), MIGRATIONS);
    return await measure(postgres.url('postgres'));
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type WithFleet = <T>(
  databaseUrl: string,
  size: number,
  settings: Readonly<Record<string, string>>,
  measure: (environment: BenchEnvironment) => Promise<T>,
) => Promise<T>;

/** An emptied database, and `size` brokers that log as in production. */
export const withFleet: WithFleet = async (databaseUrl, size, settings, measure) => {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    await database.query(
      'TRUNCATE grants, access_tokens, refresh_tokens, services, audit_trail, outbox_events CASCADE',
    );
  } finally {
    await database.end();
  }
  return withFleetOver(databaseUrl, size, settings, measure);
};

/** The same over the database as it is. */
export const withFleetOver: WithFleet = async (databaseUrl, size, settings, measure) => {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const fleet = await startFleet(databaseUrl, size, { LOG_LEVEL: 'info', ...settings });
    try {
      const key = await seedService(fleet, database);
      return await measure({
        fleet,
        url: fleet.replicas[0]?.url ?? '',
        database,
        key,
        authorization: { authorization: `Bearer ${key}` },
        seed: async (name, count, secondsLeft) => {
          const users = Array.from({ length: count }, (_, user) => `${name}-${user}`);
          await seedGrants(fleet, database, users, secondsLeft);
          return users;
        },
      });
    } finally {
      await fleet.stop();
    }
  } finally {
    await database.end();
  }
};

export interface Response {
  readonly status: number;
  readonly token: string | undefined;
  readonly ms: number;
}

/** As many connections as calls at a time. Not fetch: it takes the processor from what is measured. */
const callers = new Agent();

export async function askOnce(url: string, user: string, key: string): Promise<Response> {
  const start = performance.now();
  const headers = { authorization: `Bearer ${key}` };
  const { statusCode, body } = await request(`${url}/tokens/${user}`, { headers, dispatcher: callers });
  const { access_token: token } = (await body.json()) as { access_token?: string };
  return { status: statusCode, token, ms: performance.now() - start };
}

export async function post(url: string, form: URLSearchParams): Promise<{ status: number }> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const options = { method: 'POST', headers, body: form.toString(), dispatcher: callers } as const;
  const { statusCode, body } = await request(url, options);
  await body.json();
  return { status: statusCode };
}

/**
 * All users' tokens, `concurrency` calls at a time.
 * @throws when a call is answered with another status
 */
export async function askAll(
  url: string,
  users: readonly string[],
  key: string,
  concurrency: number,
  expected = 200,
): Promise<Response[]> {
  const responses: Response[] = [];
  const queue = users.values();
  const work = async () => {
    for (const user of queue) {
      const response = await askOnce(url, user, key);
      if (response.status !== expected)
        throw new Error(`A call was answered ${response.status}, not ${expected}.`);
      responses.push(response);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return responses;
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
