/** Thousands of users whose tokens expired, all at once. */
import { askOnce, median, withFleet } from '../environment.js';
import { atMost, isTrue, type Measure, ratio, whole } from '../measure.js';

interface ExpiredCrowd {
  readonly users: number;
  /** How many of them were answered, in the worst round. */
  readonly answered: number;
  /** Of each round. */
  readonly seconds: readonly number[];
  /** What these requests take at Google with this concurrency, were everything else free. */
  readonly limitSeconds: number;
}

const USERS = 2000;
const GOOGLE_MS = 200;
const POOL_SIZE = 10;
const CONCURRENCY = 100;
/** It holds at most fifteen times as many as are free (outbound/fair-queue.ts). */
const TURNS_OF_ONE_SERVICE = 94;

export const expiredCrowd: Measure<ExpiredCrowd> = {
  name: 'expired-crowd',
  title: 'Thousands of expired tokens at once',
  explanation: `${whole(USERS)} users' tokens expired; all calls are sent before the first is answered. Google takes ${GOOGLE_MS} ms, the broker has
${POOL_SIZE} connections to PostgreSQL and sends ${CONCURRENCY} requests to Google at a time. The limit is users ÷ \`GOOGLE_CONCURRENCY\` × Google's time,
were everything else free; callers and the stand-in for Google compete with the broker for the cores. All callers are one service, which
gets ${TURNS_OF_ONE_SERVICE} of the ${CONCURRENCY} turns, so that others find some free: ${ratio(CONCURRENCY / TURNS_OF_ONE_SERVICE)} times the limit is the least.`,
  take: (databaseUrl, effort) => {
    const settings = { DATABASE_POOL_SIZE: String(POOL_SIZE), GOOGLE_CONCURRENCY: String(CONCURRENCY) };
    return withFleet(databaseUrl, 1, settings, async ({ fleet, url, key, seed }) => {
      fleet.google.control.latency('token', GOOGLE_MS);
      const users = effort.some(USERS);
      const rounds: { seconds: number; answered: number }[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        const names = await seed(`crowd-${round}`, users, 0);
        const start = performance.now();
        const responses = await Promise.all(names.map((user) => askOnce(url, user, key)));
        rounds.push({
          seconds: (performance.now() - start) / 1000,
          answered: responses.filter(({ status }) => status === 200).length,
        });
      }
      return {
        users,
        answered: Math.min(...rounds.map(({ answered }) => answered)),
        seconds: rounds.map(({ seconds }) => seconds),
        limitSeconds: ((users / CONCURRENCY) * GOOGLE_MS) / 1000,
      };
    });
  },
  rows({ users, answered, seconds, limitSeconds }) {
    const times = median(seconds) / limitSeconds;
    return [
      {
        measure: `${whole(users)} expired users at once, Google at ${GOOGLE_MS} ms, ${POOL_SIZE} connections, ${CONCURRENCY} requests at a time`,
        measured: `${median(seconds).toFixed(1)} s for a limit of ${limitSeconds.toFixed(1)} s: ${ratio(times)}`,
        goal: atMost(times, 1.25),
      },
      {
        measure: 'the same, calls that were answered with a token',
        measured: whole(answered),
        goal: isTrue('all', answered === users),
      },
    ];
  },
};
