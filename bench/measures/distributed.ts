/**
 * The same broker over one PostgreSQL and over the same tables distributed by Citus, in turns: what a distributed table costs a
 * call. Needs a cluster (--citus); owns its two databases there, which it drops.
 */
import pg from 'pg';
import { seedGrants } from '../../sandbox/fleet/seed.js';
import { createDistributedDatabase, dropDatabase, serversOf } from '../../sandbox/trial/citus.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import {
  askAll,
  type BenchEnvironment,
  median,
  MIGRATIONS,
  percentile,
  withFleetOver,
} from '../environment.js';
import { CONNECTIONS } from '../load.js';
import { atMost, LeftOut, type Measure, ms, ratio, type Row, whole } from '../measure.js';

const [ONE, DISTRIBUTED] = ['bench_one', 'bench_distributed'] as const;
/** More than the cache holds: each read misses it. */
const USERS = 2000;
const CACHE_USERS = 64;
const READ_ALONE = 600;
const REFRESHED_ALONE = 150;
const REFRESHED_AT_ONCE = 450;
/** Before the first round: Citus plans a function once for each connection and shard. */
const REFRESHED_BEFORE = 1200;

/** Of one round. */
interface Figures {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const STEPS = ['read', 'readAtOnce', 'refresh', 'refreshAtOnce'] as const;
type Round = Readonly<Record<(typeof STEPS)[number], Figures>>;

interface Distributed {
  readonly workers: number;
  readonly one: readonly Round[];
  readonly distributed: readonly Round[];
}

export const distributed: Measure<Distributed> = {
  name: 'distributed',
  title: 'Tables distributed by Citus',
  explanation: `One broker with ${whole(USERS)} users on one PostgreSQL, and one on the same tables distributed over the workers of a Citus cluster, whose coordinator
is that PostgreSQL: cold reads and refreshes, one call after the other, then ${CONNECTIONS} at a time, both in turn in each round, after ${whole(REFRESHED_BEFORE)}
refreshes of each. All servers share the cores, so the figures show what distribution costs, and nothing of how it scales.`,
  isLong: true,
  take: async (_url, { citus, rounds, some }) => {
    if (citus === null) throw new LeftOut('it needs a Citus cluster: --citus URL');
    const servers = await serversOf(citus);
    const urlOf = (name: string) => new URL(name, servers[0]).href;
    for (const name of [ONE, DISTRIBUTED]) await dropDatabase(servers, name);
    try {
      await createDistributedDatabase(servers.slice(0, 1), ONE);
      await migrate(urlOf(ONE), MIGRATIONS);
      await createDistributedDatabase(servers, DISTRIBUTED);
      await migrate(urlOf(DISTRIBUTED), MIGRATIONS, { distribute: true });
      const settings = { CACHE_USERS: String(CACHE_USERS) };
      return await withFleetOver(urlOf(ONE), 1, settings, (one) =>
        withFleetOver(urlOf(DISTRIBUTED), 1, settings, async (several) => {
          const measured = { one: [] as Round[], distributed: [] as Round[] };
          const takers = [
            { into: measured.one, take: await taker(one, false, some) },
            { into: measured.distributed, take: await taker(several, true, some) },
          ];
          for (let round = 0; round < rounds; round++)
            for (const { into, take } of round % 2 === 0 ? takers : takers.toReversed())
              into.push(await take(`round-${round}`));
          return { workers: servers.length - 1, ...measured };
        }),
      );
    } finally {
      for (const name of [ONE, DISTRIBUTED]) await dropDatabase(servers, name);
    }
  },
  rows: (result) => [
    row(result, 'read', 'cold read', 1.5),
    row(result, 'refresh', 'refresh', 2),
    row(result, 'readAtOnce', `cold reads, ${CONNECTIONS} at a time`, null),
    row(result, 'refreshAtOnce', `refreshes, ${CONNECTIONS} at a time`, null),
  ],
  notes: ({ workers }) => `The cluster had ${workers} workers.`,
};

/** @returns what measures one round */
async function taker(environment: BenchEnvironment, isDistributed: boolean, some: (count: number) => number) {
  const { url, key, fleet, database } = environment;
  // Google keeps 100 refresh tokens of an account, and all users here have the same one.
  fleet.google.control.setSlotLimit(1_000_000);
  const target = isDistributed ? { query: rowByRow(database) } : database;
  const seed = async (name: string, count: number, secondsLeft: number) => {
    const users = Array.from({ length: some(count) }, (_, user) => `${name}-${user}`);
    await seedGrants(fleet, target, users, secondsLeft);
    return users;
  };
  const measure = async (users: readonly string[], concurrency: number): Promise<Figures> => {
    const startedAt = performance.now();
    const times = (await askAll(url, users, key, concurrency)).map((response) => response.ms);
    const seconds = (performance.now() - startedAt) / 1000;
    return { perSecond: users.length / seconds, p50: median(times), p99: percentile(times, 0.99) };
  };
  const users = await seed('read', USERS, 3500);
  await measure(users, CONNECTIONS);
  await measure(await seed('warm-up', REFRESHED_BEFORE, 0), CONNECTIONS);
  return async (name: string): Promise<Round> => {
    const [first, rest] = [users.slice(0, some(READ_ALONE)), users.slice(some(READ_ALONE))];
    const alone = await seed(`${name}-alone`, REFRESHED_ALONE, 0);
    const atOnce = await seed(`${name}-at-once`, REFRESHED_AT_ONCE, 0);
    return {
      readAtOnce: await measure(rest, CONNECTIONS),
      read: await measure(first, 1),
      refresh: await measure(alone, 1),
      refreshAtOnce: await measure(atOnce, CONNECTIONS),
    };
  };
}

/** INSERT … SELECT as an INSERT for each row: with several rows its commit has two phases, in which PostgreSQL refuses NOTIFY. */
function rowByRow(database: pg.Client) {
  return async (text: string, values: unknown[]) => {
    const [, insert = '', select] = /^(\s*INSERT INTO [^)]*\))\s*(SELECT[^]*)$/.exec(text) ?? [];
    if (select === undefined) return database.query(text, values);
    // As text: what PostgreSQL wrote, it reads.
    const types = { getTypeParser: () => (value: unknown) => value };
    const config: pg.QueryArrayConfig = { text: select, values, rowMode: 'array', types };
    const { rows } = await database.query<(string | null)[]>(config);
    for (const row of rows) {
      const literals = row.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(value)));
      await database.query(`${insert} VALUES (${literals.join(', ')})`);
    }
    return null;
  };
}

function row(
  { one, distributed: several }: Distributed,
  step: keyof Round,
  what: string,
  goal: number | null,
): Row {
  const figure = (rounds: readonly Round[], of: keyof Figures) =>
    median(rounds.map((round) => round[step][of]));
  const isAlone = goal !== null;
  const times = isAlone
    ? figure(several, 'p50') / figure(one, 'p50')
    : figure(one, 'perSecond') / figure(several, 'perSecond');
  return {
    measure: isAlone
      ? `${what} on Citus against one PostgreSQL, p50`
      : `${what}, one PostgreSQL against Citus, a second`,
    measured: isAlone
      ? `${ms(figure(several, 'p50'))} against ${ms(figure(one, 'p50'))}: ${ratio(times)}; p99 ${ms(figure(several, 'p99'))} against ${ms(figure(one, 'p99'))}`
      : `${whole(figure(one, 'perSecond'))} against ${whole(figure(several, 'perSecond'))}: ${ratio(times)}`,
    goal: isAlone ? atMost(times, goal) : null,
  };
}
