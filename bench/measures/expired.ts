/** One expired token: what the broker adds to what Google takes. */
import { CLIENT_ID } from '../../sandbox/fleet/fleet.js';
import { askAll, type BenchEnvironment, median, percentile, post, withFleet } from '../environment.js';
import { atMost, type Measure, ms } from '../measure.js';

interface Expired {
  /** Milliseconds: each round's median, less that of Google alone in the same round; their median. */
  readonly p50: number;
  readonly p99: number;
  /** The same soon after the start, while V8 interprets most of what it runs. */
  readonly young: number;
}

const GOOGLE_MS = 50;
const CALLS = 60;
const ALONE = 40;
/** Calls that the process answers before it is measured: as one that is not young. */
const WARM_UP = 1200;

export const expired: Measure<Expired> = {
  name: 'expired',
  title: 'One expired token',
  explanation: `A token that must be refreshed while Google takes ${GOOGLE_MS} ms: the whole call, less what the same stand-in for Google takes
without the broker in the same round. One call after the other, in a process that answered ${WARM_UP} others before.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async (environment) => {
      const { fleet, url, key, seed } = environment;
      fleet.google.control.latency('token', GOOGLE_MS);
      const measure = async (name: string) => {
        const google = await googleAlone(environment, effort.some(ALONE));
        const responses = await askAll(url, await seed(name, effort.some(CALLS), 0), key, 1);
        return responses.map((each) => each.ms - google);
      };
      await askAll(url, await seed('first', effort.some(50), 0), key, 1);
      const young = median(await measure('young'));
      await askAll(url, await seed('warm-up', effort.some(WARM_UP), 0), key, 20);
      const rounds: number[][] = [];
      for (let round = 0; round < effort.rounds; round++) rounds.push(await measure(`old-${round}`));
      return { p50: median(rounds.map(median)), p99: percentile(rounds.flat(), 0.99), young };
    }),
  rows: ({ p50, p99, young }) => [
    {
      measure: `expired token, Google at ${GOOGLE_MS} ms: the broker's own share, p50`,
      measured: `${ms(p50)}; p99 ${ms(p99)}; soon after the start p50 ${ms(young)}`,
      goal: atMost(p50, 1.8, ' ms'),
    },
  ],
};

/** The same request to the stand-in, without the broker. @returns milliseconds */
async function googleAlone({ fleet }: BenchEnvironment, calls: number): Promise<number> {
  const { web } = fleet.google.clientSecretJson(CLIENT_ID) as { web?: Record<string, string> };
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: fleet.google.control.issueRefreshToken('103400000000000000001', CLIENT_ID, ['openid']),
    client_id: web?.['client_id'] ?? '',
    client_secret: web?.['client_secret'] ?? '',
  });
  const latencies: number[] = [];
  for (let call = 0; call < calls; call++) {
    const start = performance.now();
    // By the client that calls the broker: what the call itself costs is in both.
    const { status } = await post(`${fleet.google.url}/token`, body);
    if (status !== 200) throw new Error(`The stand-in answered ${status}.`);
    latencies.push(performance.now() - start);
  }
  return median(latencies);
}
