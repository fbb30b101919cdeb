/** What a broker process holds for each user whose token it answers from memory, by the slope between two numbers of users. */
import { inspectable, Inspected, type Memory } from '../../sandbox/fleet/inspected.js';
import { seedGrants } from '../../sandbox/fleet/seed.js';
import { askAll, withFleet } from '../environment.js';
import { atMost, type Measure, whole } from '../measure.js';

interface Held {
  readonly users: number;
  /** As the calls left it. */
  readonly filled: Memory;
  /** After a garbage collection. */
  readonly settled: Memory;
}

const SIZES = [20_000, 1_000_000];
const SEEDED_AT_ONCE = 5000;
const CONNECTIONS = 16;
const GOAL = 4000;
const SCOPES = ['adwords', 'youtube.readonly', 'yt-analytics.readonly']
  .map((name) => `https://www.googleapis.com/auth/${name}`)
  .join(' ');

export const memory: Measure<readonly Held[]> = {
  name: 'memory',
  title: 'Memory for each user',
  explanation: `A broker answers ${SIZES.map(whole).join(', then ')} users, each with a grant of three scopes and a token of 220 characters, for one service: first from
PostgreSQL, then from memory. What a user takes is the difference between both numbers, divided by the users between them. _Settled_ is V8's heap and what is
outside of it, after a garbage collection; _resident_ is what the operating system counts, garbage included, as the calls left it. It takes a quarter of an hour, and is taken
only where it is named.`,
  isLong: true,
  take: async (databaseUrl, effort) => {
    const { port, settings } = await inspectable();
    const more = { CACHE_USERS: '1000000', CACHE_MAX_AGE_SECONDS: '3600', ...settings };
    return withFleet(databaseUrl, 1, more, async ({ fleet, url, key, database }) => {
      const broker = await Inspected.at(port);
      try {
        const held: Held[] = [];
        let before = 0;
        for (const users of SIZES.map((each) => effort.some(each))) {
          const fresh = Array.from({ length: users - before }, (_, index) => `user-${before + index}`);
          for (let at = 0; at < fresh.length; at += SEEDED_AT_ONCE)
            await seedGrants(fleet, database, fresh.slice(at, at + SEEDED_AT_ONCE), 3500, SCOPES);
          for (let call = 0; call < 2; call++) await askAll(url, fresh, key, CONNECTIONS);
          before = users;
          const filled = await broker.memory();
          await broker.collectGarbage();
          held.push({ users, filled, settled: await broker.memory() });
          const metrics = await (await fetch(`${url}/metrics`)).text();
          // A broker that lost its changes on the way has cleared its caches.
          if (!metrics.includes(`token_broker_cache_entries{cache="responses"} ${users}\n`))
            throw new Error(`Not all of ${users} users were in memory.`);
        }
        return held;
      } finally {
        // A process that ends waits for the one that inspects it.
        broker.close();
      }
    });
  },
  rows(held) {
    const settled = slope(held, (each) => each.settled.heapUsed + each.settled.external);
    const resident = slope(held, ({ filled }) => filled.rss);
    const most = held.at(-1);
    return [
      {
        measure: 'memory for each user that is answered from memory, settled',
        measured: `${whole(settled)} bytes`,
        goal: atMost(settled, GOAL, ' bytes'),
      },
      {
        measure: 'the same, resident, with garbage',
        measured: `${whole(resident)} bytes; ${whole((most?.filled.rss ?? 0) / 1e6)} MB in all with ${whole(most?.users ?? 0)} users`,
        goal: atMost(resident, GOAL, ' bytes'),
      },
    ];
  },
};

/** Bytes a user. */
function slope(held: readonly Held[], figure: (each: Held) => number): number {
  const [less, more] = [held[0], held.at(-1)];
  if (!less || !more) return Number.NaN;
  return (figure(more) - figure(less)) / (more.users - less.users);
}
