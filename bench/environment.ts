/** The environment of each measurement: its own PostgreSQL with a migrated database, and fleets of brokers on it. */
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fleet, startFleet } from '../sandbox/fleet/fleet.js';
import { seedService } from '../sandbox/fleet/seed.js';
import { startPostgres } from '../sandbox/trying/postgres.js';
import { migrate } from '../src/token-store/migrations/migrate.js';

const MIGRATIONS = new URL('../../prisma/migrations', import.meta.url).pathname;

export interface BenchEnvironment {
  readonly fleet: Fleet;
  readonly database: pg.Client;
  readonly key: string;
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

/** An emptied database, and `size` brokers that log as in production. */
export async function withFleet<T>(
  databaseUrl: string,
  size: number,
  settings: Readonly<Record<string, string>>,
  measure: (environment: BenchEnvironment) => Promise<T>,
): Promise<T> {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    await database.query(
      'TRUNCATE grants, access_tokens, refresh_tokens, services, audit_events, outbox_events CASCADE',
    );
    const fleet = await startFleet(databaseUrl, size, { LOG_LEVEL: 'info', ...settings });
    try {
      return await measure({ fleet, database, key: await seedService(fleet, database) });
    } finally {
      await fleet.stop();
    }
  } finally {
    await database.end();
  }
}

/** @returns the answer's status, its token, and how many milliseconds it took */
export async function askOnce(url: string, user: string, key: string, query = '') {
  const start = performance.now();
  const answer = await fetch(`${url}/tokens/${user}${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const body = (await answer.json()) as { access_token?: string };
  return { status: answer.status, token: body.access_token, ms: performance.now() - start };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
