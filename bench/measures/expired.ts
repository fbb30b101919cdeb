/** One expired token: what the broker adds to what Google takes, beside the least that a refresh over PostgreSQL adds. */
import { compiled } from '../../sandbox/compiled.js';
import { CLIENT_ID } from '../../sandbox/fleet/fleet.js';
import { askAll, type BenchEnvironment, median, percentile, post, withFleet } from '../environment.js';
import { atMost, type Measure, ms, ratio } from '../measure.js';
import { startServer } from '../processes.js';

interface Expired {
  /** Milliseconds: each round's median, less that of Google alone in the same round; their median. */
  readonly p50: number;
  readonly p99: number;
  /** The same soon after the start, while V8 interprets most of what it runs. */
  readonly young: number;
  /** p50 of the least, and the broker's divided by it in the same round. */
  readonly least: number;
  readonly toLeast: number;
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
without the broker in the same round. One call after the other, in a process that answered ${WARM_UP} others before. Beside it, by turns, the
least that does it over PostgreSQL: node:http, the same key check, three statements (read, lease, save), one request, one AES-GCM decryption
and one encryption.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async (environment) => {
      const { fleet, url, key, seed } = environment;
      fleet.google.control.latency('token', GOOGLE_MS);
      const measure = async (base: string, name: string, google: number) => {
        const responses = await askAll(base, await seed(name, effort.some(CALLS), 0), key, 1);
        return responses.map((each) => each.ms - google);
      };
      const alone = () => googleAlone(environment, effort.some(ALONE));
      await askAll(url, await seed('first', effort.some(50), 0), key, 1);
      const young = median(await measure(url, 'young', await alone()));
      const least = await startLeast(environment, databaseUrl);
      try {
        const leastUrl = `http://127.0.0.1:${least.report.port}`;
        await askAll(url, await seed('warm-up', effort.some(WARM_UP), 0), key, 20);
        await askAll(leastUrl, await seed('warm-up-least', effort.some(WARM_UP), 0), key, 20);
        const rounds: { broker: number[]; least: number[] }[] = [];
        for (let round = 0; round < effort.rounds; round++) {
          const google = await alone();
          rounds.push({
            broker: await measure(url, `old-${round}`, google),
            least: await measure(leastUrl, `least-${round}`, google),
          });
        }
        return {
          p50: median(rounds.map(({ broker }) => median(broker))),
          p99: percentile(
            rounds.flatMap(({ broker }) => broker),
            0.99,
          ),
          young,
          least: median(rounds.map((round) => median(round.least))),
          toLeast: median(rounds.map((round) => median(round.broker) / median(round.least))),
        };
      } finally {
        await least.end();
      }
    }),
  rows: ({ p50, p99, young, least, toLeast }) => [
    {
      measure: `expired token, Google at ${GOOGLE_MS} ms: the broker's own share, p50`,
      measured: `${ms(p50)}; p99 ${ms(p99)}; soon after the start p50 ${ms(young)}`,
      goal: atMost(p50, 1.8, ' ms'),
    },
    {
      measure: 'the same, against the least that refreshes it over PostgreSQL',
      measured: `${ms(least)}: ${ratio(toLeast)}`,
      goal: null,
    },
  ],
};

function startLeast({ fleet, key }: BenchEnvironment, databaseUrl: string) {
  return startServer(compiled('bench/servers/refresh.js'), {
    DATABASE_URL: databaseUrl,
    KEY_RING_FILE: fleet.settings['KEY_RING_FILE'] ?? '',
    KEY: key,
    TOKEN_ENDPOINT: `${fleet.google.url}/token`,
    CLIENT: JSON.stringify(clientOf(fleet)),
  });
}

/** As Google's token endpoint takes it. */
function clientOf(fleet: BenchEnvironment['fleet']): Record<'client_id' | 'client_secret', string> {
  const { web } = fleet.google.clientSecretJson(CLIENT_ID) as { web?: Record<string, string> };
  return { client_id: web?.['client_id'] ?? '', client_secret: web?.['client_secret'] ?? '' };
}

/** The same request to the stand-in, without the broker. @returns milliseconds */
async function googleAlone({ fleet }: BenchEnvironment, calls: number): Promise<number> {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: fleet.google.control.issueRefreshToken('103400000000000000001', CLIENT_ID, ['openid']),
    ...clientOf(fleet),
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
