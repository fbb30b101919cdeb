import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { type RunningPostgres, startPostgres } from '../../sandbox/trial/postgres.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { until } from '../support/until.js';

/** A PostgreSQL of its own, which may be stopped. */
let folder: string;
let postgres: RunningPostgres;
let restart: () => Promise<RunningPostgres>;
let fleet: Fleet;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-outage-'));
  chmodSync(folder, 0o755);
  const options = { folder: join(folder, 'postgres'), password: randomUUID(), flags: ['-c', 'fsync=off'] };
  postgres = await startPostgres(options);
  const { port } = postgres;
  restart = () => startPostgres({ ...options, port });
  const url = postgres.url('postgres');
  await migrate(url, 'prisma/migrations');
  fleet = await startFleet(url, 1);
  await fleet.add({ CACHE_WITHOUT_DATABASE_SECONDS: '60' });
  const database = await open(url);
  key = await seedService(fleet, database);
  await seedGrants(fleet, database, ['alice', 'bob'], 1500);
  await database.end();
}, 60_000);

afterAll(async () => {
  await fleet.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function open(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

interface TokenOutcome {
  readonly status: number;
  readonly code: string | undefined;
  readonly token: string | undefined;
}

async function ask({ url }: Replica, user: string, query = ''): Promise<TokenOutcome> {
  const response = await fetch(`${url}/tokens/${user}${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const body = (await response.json()) as Record<string, string>;
  return { status: response.status, code: body['code'], token: body['access_token'] };
}

/** The broker is stopped, or ended: a test that failed goes on to its end. */
const NO_RESPONSE: TokenOutcome = { status: 0, code: 'no_answer', token: undefined };

test('each replica does what its settings say while PostgreSQL stops under load and comes back', async () => {
  const [strict, lenient] = fleet.replicas as [Replica, Replica];
  const token = (await ask(strict, 'alice')).token;
  const seen = new Map([strict, lenient].map((replica) => [replica, new Set<string>()]));
  let isLoad = true;
  const load = [...seen].map(async ([replica, outcomes]) => {
    while (isLoad) {
      const { status, code, token: given } = await ask(replica, 'alice').catch(() => NO_RESPONSE);
      outcomes.add(
        given === undefined ? `${status} ${code ?? ''}` : given === token ? 'the token' : 'another token',
      );
    }
  });
  await until(async () => Promise.resolve([...seen.values()].every((outcomes) => outcomes.has('the token'))));

  await postgres.stop();
  await until(async () => (await ask(strict, 'alice')).status === 503);
  expect(await ask(lenient, 'alice')).toEqual({ status: 200, code: undefined, token });
  // It cannot be refreshed: one that expires before min_ttl is better than none.
  expect(await ask(lenient, 'alice', '?min_ttl=1800')).toEqual({ status: 200, code: undefined, token });
  expect(await ask(strict, 'alice', '?min_ttl=1800')).toMatchObject({ status: 503 });
  // Bob's is in no cache.
  for (const replica of fleet.replicas) {
    expect(await ask(replica, 'bob')).toMatchObject({ status: 503, code: 'database_unavailable' });
  }
  expect((await fetch(`${strict.url}/health/ready`)).status).toBe(503);

  postgres = await restart();
  for (const replica of fleet.replicas) {
    await until(async () => (await ask(replica, 'alice')).status === 200);
    await until(async () => (await ask(replica, 'bob')).status === 200);
  }
  isLoad = false;
  await Promise.all(load);
  expect([...(seen.get(lenient) ?? [])]).toEqual(['the token']);
  expect([...(seen.get(strict) ?? [])].sort()).toEqual(['503 database_unavailable', 'the token']);

  // Both listen again.
  const database = await open(postgres.url('postgres'));
  await database.query(`DELETE FROM grants WHERE user_id = 'alice'`);
  await database.end();
  for (const replica of fleet.replicas) await until(async () => (await ask(replica, 'alice')).status === 404);
}, 60_000);
