/**
 * The broker over tables of up to ten million users: what they take on disk, calls, lists, jobs and commands, at each size. Taken only
 * where it is named: it takes hours, and tens of gigabytes. Owns the order of the steps and what is shown of them; size/fill.ts has the
 * rows, size/work.ts each step.
 */
import { statfs } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type pg from 'pg';
import { generateKeyRing, keyRingOf } from '../../src/sealing/key-ring.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { askOnce, type BenchEnvironment, MIGRATIONS, withFleet } from '../environment.js';
import { type Effort, type Measure } from '../measure.js';
import { type Fill, fill, setAutovacuum } from '../size/fill.js';
import { notes, plots, rows } from '../size/page.js';
import { CONCURRENCY, CONNECTIONS, GOOGLE_MS, type Size, type Sized, type Table } from '../size/result.js';
import {
  countGrants,
  listExpiring,
  readOverview,
  readUsers,
  reseal,
  retain,
  timed,
  withRepositories,
} from '../size/work.js';

const POOL_SIZE = 10;
const STORM = 2000;
const STORMS = 2;
const [WARM_UP, ALONE, AT_ONCE] = [300, 1000, 4000];
/** On disk for each user, while the tables are filled and indexed: measured, and a quarter more. */
const DISK_BYTES = 5500;
/** The grants with which the growth of the indexes row by row is measured. */
const GROWN = 100_000;

export const size: Measure<Size> = {
  name: 'size',
  title: 'Ten million users',
  explanation: `Tables filled as their use would leave them: each user with a grant of one scope and the two of the sign-in, a token in the slot ledger,
an access token and an audit event; an event in the outbox for one in ten. One in fifty grants is dead, one in two hundred is about to expire. PostgreSQL has its
default settings, 128 MB of buffers among them. Users who are read or refreshed are real, and spread over all of the tables. Each read is of a user who was not
read before: one call after the other, then ${CONNECTIONS} at a time.`,
  isLong: true,
  take: async (databaseUrl, effort) => {
    const { bavail, bsize } = await statfs(tmpdir());
    const fits = (grants: number) => grants * DISK_BYTES < bavail * bsize;
    const grown = await withFleet(databaseUrl, 1, {}, async (environment) => {
      const grants = Math.min(GROWN, Math.max(...effort.grants));
      await fillFor(environment, grants, effort, 'during');
      return { grants, tables: await tablesOf(environment.database) };
    });
    const sizes: Sized[] = [];
    for (const grants of effort.grants.filter(fits)) {
      const sized = await takeOne(databaseUrl, grants, effort).catch((error: unknown) => {
        console.error(`size ${grants}: failed:`, error);
        process.exitCode = 1;
        return null;
      });
      // What was measured over smaller sizes is kept.
      if (sized === null) break;
      sizes.push(sized);
    }
    return {
      sizes,
      grown,
      leftOut: effort.grants.filter((grants) => !fits(grants)),
      stormUsers: effort.some(STORM),
    };
  },
  rows,
  notes,
  plots,
};

function takeOne(databaseUrl: string, grants: number, effort: Effort): Promise<Sized> {
  const settings = { DATABASE_POOL_SIZE: String(POOL_SIZE), GOOGLE_CONCURRENCY: String(CONCURRENCY) };
  return withFleet(databaseUrl, 1, settings, async (environment) => {
    const { fleet, database, key, authorization } = environment;
    const { google } = fleet;
    const step = stepper(grants);
    const { filled, ring } = await fillFor(environment, grants, effort, 'after');
    const tables = await tablesOf(database);
    console.error(`size ${grants}: filled in ${JSON.stringify(filled.seconds)} ${JSON.stringify(tables)}`);
    const counted = await step('count before VACUUM', () => withRepositories(fleet, countGrants));
    // Before another broker starts, which does the same at once.
    const retention = await step('retention', () => withRepositories(fleet, retain));
    const vacuum = await step('VACUUM', () => timed(() => database.query('VACUUM (ANALYZE)')));
    await setAutovacuum(database, true);
    await database.query('CHECKPOINT');
    const { url, readyAfterMs } = await fleet.add();
    const broker = { url, key, database };
    const { fresh } = filled;
    await step('warm up', () => readUsers(broker, fresh.slice(0, effort.some(WARM_UP)), 1));
    const [first, last] = [effort.some(WARM_UP), effort.some(WARM_UP) + effort.some(ALONE)];
    const alone = await step('reads', () => readUsers(broker, fresh.slice(first, last), 1));
    const atOnce = await step('reads at once', () => readUsers(broker, fresh.slice(last), CONNECTIONS));
    const stormSeconds = await step('storm', async () => {
      google.control.latency('token', GOOGLE_MS);
      const seconds: number[] = [];
      const users = effort.some(STORM);
      for (let storm = 0; storm < STORMS; storm++) {
        const ms = await timed(() =>
          Promise.all(
            filled.expired.slice(storm * users, (storm + 1) * users).map(async (user) => {
              const { status } = await askOnce(url, user, key);
              if (status !== 200) throw new Error(`A call was answered ${status}.`);
            }),
          ),
        );
        seconds.push(ms / 1000);
      }
      return seconds;
    });
    return {
      grants,
      seconds: filled.seconds,
      wal: filled.wal,
      tables,
      countUnvacuumed: counted,
      vacuum,
      alone,
      atOnce,
      stormSeconds,
      list: await step('list', () => listExpiring(url, authorization)),
      count: await step('count', () => withRepositories(fleet, countGrants)),
      overview: await step('overview', () => withRepositories(fleet, readOverview)),
      retention,
      migrate: await step('migrate', () => timed(() => migrate(databaseUrl, MIGRATIONS))),
      readyAfter: readyAfterMs,
      reseal: await step('reseal', () => reseal(fleet, ring)),
      resealAgain: await step('reseal again', () => reseal(fleet, ring)),
    };
  });
}

/** Generated values name a key that the broker gets later, so that `keys reseal` seals only those of real users again. */
async function fillFor(
  { fleet, database }: BenchEnvironment,
  grants: number,
  effort: Effort,
  indexes: Fill['indexes'],
) {
  const ring = generateKeyRing(new Date(), readFileSync(fleet.settings['KEY_RING_FILE'] ?? '', 'utf8'));
  const filled = await fill(fleet, database, {
    grants,
    fresh: [WARM_UP, ALONE, AT_ONCE].reduce((sum, users) => sum + effort.some(users), 0),
    expired: effort.some(STORM) * STORMS,
    keyId: keyRingOf(ring).sealingKeyId,
    indexes,
  });
  return { filled, ring };
}

/** A step that fails is recorded as failed, and the run, which takes hours, continues. */
function stepper(grants: number) {
  return async <T>(name: string, work: () => Promise<T>): Promise<T | null> => {
    const startedAt = performance.now();
    const result = await work().catch((error: unknown) => {
      console.error(`size ${grants}: ${name} failed:`, error);
      return null;
    });
    const ms = Math.round(performance.now() - startedAt).toLocaleString('en-US');
    console.error(`size ${grants}: ${name} took ${ms} ms ${JSON.stringify(result)}`);
    return result;
  };
}

async function tablesOf(database: pg.Client): Promise<Table[]> {
  const { rows: tables } = await database.query<{ name: string; rows: string; indexes: string }>(`
    SELECT name, sum(pg_table_size(oid)) AS rows, sum(pg_indexes_size(oid)) AS indexes FROM (
      SELECT oid, coalesce((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = oid), relname) AS name
      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    ) AS tables GROUP BY name ORDER BY sum(pg_total_relation_size(oid)) DESC LIMIT 5`);
  return tables.map(({ name, rows: bytes, indexes }) => ({
    name,
    rows: Number(bytes),
    indexes: Number(indexes),
  }));
}
