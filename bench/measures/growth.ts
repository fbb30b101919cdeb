/** The same read over tables that grow to a million grants. Users who are read are spread over all of it. */
import { askAll, type BenchEnvironment, median, percentile, withFleet } from '../environment.js';
import { atMost, type Measure, ms, ratio, whole } from '../measure.js';
import { growthCurve } from '../page/lines.js';

interface Sized {
  readonly grants: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const READS = 1000;
const WARM_UP = 300;

export const growth: Measure<readonly Sized[]> = {
  name: 'growth',
  title: 'Growth',
  explanation: `A user whose token is in PostgreSQL and in no cache, one call after the other, while the tables grow from ${whole(SIZES[0] ?? 0)} to
${whole(SIZES.at(-1) ?? 0)} grants, each with a token.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async (environment) => {
      const { url, key, database, seed } = environment;
      const measured: Sized[] = [];
      const reads = effort.some(READS);
      let filled = 0;
      for (const size of SIZES.map((each) => effort.some(each))) {
        await fill(environment, filled, size - reads);
        filled = size - reads;
        // As in steady state, not right after a million inserts.
        await database.query('VACUUM (ANALYZE) grants, access_tokens');
        await database.query('CHECKPOINT');
        const users = await seed(`of-${size}`, reads, 3000);
        await askAll(url, users.splice(0, effort.some(WARM_UP)), key, 1);
        const latencies = (await askAll(url, users, key, 1)).map((each) => each.ms);
        measured.push({ grants: size, p50: median(latencies), p99: percentile(latencies, 0.99) });
      }
      return measured;
    }),
  rows(sizes) {
    const [least, most] = [sizes[0], sizes.at(-1)];
    if (!least || !most) return [];
    const times = most.p50 / least.p50;
    return [
      {
        measure: `token in no cache with ${whole(most.grants)} grants, against ${whole(least.grants)}, p50`,
        measured: `${ms(most.p50)} against ${ms(least.p50)}: ${ratio(times)}; p99 ${ms(most.p99)} against ${ms(least.p99)}`,
        goal: atMost(times, 1.3),
      },
    ];
  },
  plots: (sizes) => [
    growthCurve(
      'growth',
      'A token in no cache, by number of grants',
      sizes.map(({ grants }) => grants),
      [
        { label: 'p50', tone: 'broker', values: sizes.map((each) => each.p50) },
        { label: 'p99', tone: 'second', values: sizes.map((each) => each.p99) },
      ],
    ),
  ],
};

/** Rows as long as real ones, which no call reads. */
async function fill({ database }: BenchEnvironment, from: number, to: number): Promise<void> {
  await database.query(
    `WITH filled AS (
       INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
         sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
       SELECT gen_random_uuid(), 'filler-' || md5(n::text), 'default', md5('sub' || n), 'filler@example.com',
         ARRAY['https://www.googleapis.com/auth/yt-analytics.readonly'],
         ARRAY['https://www.googleapis.com/auth/yt-analytics.readonly'], 'active', repeat(md5(n::text), 12), now(), now(), now()
       FROM generate_series($1::int + 1, $2::int) AS n RETURNING user_id, id)
     INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
     SELECT user_id, id, 'https://www.googleapis.com/auth/yt-analytics.readonly', repeat(md5(id::text), 16), now(), now() + interval '1 hour'
     FROM filled`,
    [from, to],
  );
}
