/**
 * What a broker process holds for each user whose token it answers from memory, in a process of its own, after a garbage collection.
 * `npm run bench -- memory` measures the same exactly; the bound here allows for what else changes in a heap meanwhile.
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../../sandbox/fleet/fleet.js';
import { inspectable, Inspected } from '../../sandbox/fleet/inspected.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { asRuntime, createDatabase, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** A third of what a user took when each had dates, scopes and a token twice. */
const MAX_BYTES = 3000;
const USERS = 3000;
const WARM_UP = 300;
const SCOPES = ['https://www.googleapis.com/auth/adwords', YOUTUBE, YOUTUBE_MONEY].sort().join(' ');

let fleet: Fleet;
let database: pg.Client;
let key: string;
let broker: Inspected;
beforeAll(async () => {
  const url = await createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  const { port, settings } = await inspectable();
  fleet = await startFleet(asRuntime(url), 1, { CACHE_MAX_AGE_SECONDS: '3600', ...settings });
  key = await seedService(fleet, database);
  broker = await Inspected.at(port);
}, 60_000);
afterAll(async () => {
  // Its process does not end while it is inspected.
  broker.close();
  await fleet.stop();
  await database.end();
});

const replica = () => fleet.replicas[0]?.url ?? '';
const metric = async (name: string) => {
  const text = await (await fetch(`${replica()}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length),
  );
};

/** Calls for each user twice: from PostgreSQL, and from memory. @returns bytes in use once the calls are recorded */
async function ask(users: readonly string[]): Promise<number> {
  await seedGrants(fleet, database, users, 3500, SCOPES);
  for (const source of ['store', 'memory']) {
    const queue = users.values();
    const work = async () => {
      for (const user of queue) {
        const headers = { authorization: `Bearer ${key}` };
        const response = await fetch(`${replica()}/tokens/${user}`, { headers });
        expect([source, response.status]).toEqual([source, 200]);
        await response.arrayBuffer();
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
  }
  await until(async () => (await metric('token_broker_audit_queue_events')) === 0);
  await broker.collectGarbage();
  const { heapUsed, external } = await broker.memory();
  return heapUsed + external;
}

test(`a user who is answered from memory takes at most ${MAX_BYTES} bytes`, async () => {
  const before = await ask(Array.from({ length: WARM_UP }, (_, user) => `first-${user}`));
  const after = await ask(Array.from({ length: USERS }, (_, user) => `user-${user}`));
  expect(await metric('token_broker_cache_entries{cache="responses"}')).toBe(WARM_UP + USERS);
  expect(await metric('token_broker_cache_entries{cache="grants"}')).toBe(WARM_UP + USERS);
  expect((after - before) / USERS).toBeLessThan(MAX_BYTES);
}, 120_000);
