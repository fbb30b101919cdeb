/** A token that is in PostgreSQL and in no cache, beside the least that such a read can cost; and its SQL statements. */
import { compiled } from '../../sandbox/compiled.js';
import { askAll, askOnce, type BenchEnvironment, pause, withFleet } from '../environment.js';
import { CONNECTIONS, interleave, middle, p50, p99, type Round, share } from '../load.js';
import { atLeast, isTrue, type Measure, ms, ratio, whole } from '../measure.js';
import { bars } from '../page/bars.js';
import { startServer } from '../processes.js';

interface RowRead {
  readonly rounds: readonly Round<'broker' | 'least'>[];
  /** SQL statements a read, counted by PostgreSQL. */
  readonly queries: number;
}

/** Before a user comes again, all others were read: each read is a cache miss. */
const USERS = CONNECTIONS * 160;
const CACHE_USERS = 64;
const COUNTED = 400;
const POOL_SIZE = 10;

export const rowRead: Measure<RowRead> = {
  name: 'row-read',
  title: 'A token in no cache',
  explanation: `Each call wants a token that is in PostgreSQL and not in the broker's cache, ${CONNECTIONS} connections, beside the least that does
it: Fastify, the same key check, one prepared SELECT, one AES-GCM decryption, ${POOL_SIZE} connections to PostgreSQL each. There are
${whole(USERS)} users and the cache holds ${CACHE_USERS}, so every read misses it.`,
  take: (databaseUrl, effort) => {
    const settings = { CACHE_USERS: String(CACHE_USERS), DATABASE_POOL_SIZE: String(POOL_SIZE) };
    return withFleet(databaseUrl, 1, settings, async (environment) => {
      const { fleet, url, key, authorization, database, seed } = environment;
      const users = await seed('row', USERS, 3500);
      await database.query('VACUUM (ANALYZE) grants, access_tokens');
      const first = await fetch(`${url}/tokens/${users[0] ?? ''}`, { headers: authorization });
      const least = await startServer(compiled('bench/servers/row-read.js'), {
        DATABASE_URL: databaseUrl,
        KEY_RING_FILE: fleet.settings['KEY_RING_FILE'] ?? '',
        BODY: await first.text(),
        KEY: key,
        CONNECTIONS: String(POOL_SIZE),
      });
      try {
        const target = (base: string, pid: number | undefined) => ({
          url: base,
          headers: authorization,
          paths: users.map((user) => `/tokens/${user}`),
          pid,
        });
        const targets = {
          broker: target(url, fleet.replicas[0]?.process.pid),
          least: target(`http://127.0.0.1:${least.report.port}`, least.pid),
        };
        // What both answer must be the same token.
        const tokens = await Promise.all(
          Object.values(targets).map((each) => askOnce(each.url, users[1] ?? '', key)),
        );
        if (tokens[0]?.token !== tokens[1]?.token || tokens[0]?.status !== 200)
          throw new Error(
            `The servers do not give the same token: ${tokens.map(({ status }) => status).join(', ')}.`,
          );
        const rounds = await interleave(targets, effort);
        return { rounds, queries: await countQueries(environment, users.slice(0, effort.some(COUNTED))) };
      } finally {
        await least.end();
      }
    });
  },
  rows({ rounds, queries }) {
    const [broker, least] = [middle(rounds, 'broker'), middle(rounds, 'least')];
    const toLeast = share(rounds, 'broker', 'least');
    return [
      {
        measure: 'token in PostgreSQL and in no cache, against the least that reads it',
        measured: `${whole(broker.requestsPerSecond)} against ${whole(least.requestsPerSecond)}: ${ratio(toLeast)}; p50 ${ms(p50(broker))}, p99 ${ms(p99(broker))}`,
        goal: atLeast(toLeast, 0.8),
      },
      {
        measure: 'the same, SQL statements a read',
        measured: ratio(queries),
        goal: isTrue('1', Math.round(queries) === 1),
      },
    ];
  },
  plots: ({ rounds }) => [
    bars('row-read', 'A token in no cache', rounds, [
      { who: 'least', label: 'Fastify + SELECT + open', tone: 'node' },
      { who: 'broker', label: 'broker, cache miss', tone: 'broker' },
    ]),
  ],
};

/** By the scans of the table of grants: one for each read, if a read is one query. */
async function countQueries({ url, key, database }: BenchEnvironment, users: readonly string[]) {
  const scans = async () => {
    // PostgreSQL counts a statement when its session reports: an idle one late, an ending one at once.
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'token-broker'`,
    );
    await pause(3000);
    await database.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await database.query<{ scans: string }>(
      `SELECT sum(idx_scan + seq_scan) AS scans FROM pg_stat_user_tables WHERE relname = 'grants'`,
    );
    return Number(rows[0]?.scans ?? 0);
  };
  const before = await scans();
  await askAll(url, users, key, 1);
  return ((await scans()) - before) / users.length;
}
