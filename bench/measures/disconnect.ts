/** A disconnect on one replica reaches another, also when its notification is lost. */
import { askOnce, type BenchEnvironment, percentile, withFleet } from '../environment.js';
import { atMost, isTrue, type Measure, ms } from '../measure.js';

interface Disconnect {
  /** Milliseconds from the response to the disconnect on one replica to the first refusal on another. */
  readonly p50: number;
  readonly p99: number;
  readonly servedAfterLoss: number;
}

const TIMES = 200;
const READS = 100;

export const disconnect: Measure<Disconnect> = {
  name: 'disconnect',
  title: 'A disconnect reaches every replica',
  explanation: `A grant is deleted on one replica (${TIMES} times), while another has its token in the cache and is asked without a pause: how long until
it refuses. Then a grant is deleted without a notification, and the connection that receives them is lost: how many of ${READS} reads still get
the token.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 2, {}, async (environment) => {
      const { fleet, database, key, authorization, seed } = environment;
      const [here, there] = fleet.replicas.map(({ url }) => url) as [string, string];
      const delays: number[] = [];
      for (const user of await seed('leaving', effort.some(TIMES), 3000)) {
        await askOnce(there, user, key);
        const { rows } = await database.query<{ id: string }>('SELECT id FROM grants WHERE user_id = $1', [
          user,
        ]);
        await fetch(`${here}/grants/${rows[0]?.id ?? ''}?mode=local`, {
          method: 'DELETE',
          headers: authorization,
        });
        const start = performance.now();
        while ((await askOnce(there, user, key)).status === 200);
        delays.push(performance.now() - start);
      }
      return {
        p50: percentile(delays, 0.5),
        p99: percentile(delays, 0.99),
        servedAfterLoss: await servedAfterLoss(environment, there),
      };
    }),
  rows: ({ p50, p99, servedAfterLoss: served }) => [
    {
      measure: 'disconnect on one replica, then reads on another: refused after, p99',
      measured: `${ms(p99)}; p50 ${ms(p50)}`,
      goal: atMost(p99, 100, ' ms'),
    },
    {
      measure: `disconnect not received, after losing LISTEN: tokens served in ${READS} reads`,
      measured: String(served),
      goal: isTrue('0', served === 0),
    },
  ],
};

/** The grant is deleted without a notification: how often is its token still served? */
async function servedAfterLoss({ database, key, seed }: BenchEnvironment, url: string): Promise<number> {
  const [user = ''] = await seed('silent', 1, 3000);
  await askOnce(url, user, key);
  await database.query('ALTER TABLE grants DISABLE TRIGGER USER');
  await database.query(
    `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = 'token-broker changes'`,
  );
  await database.query('DELETE FROM grants WHERE user_id = $1', [user]);
  let served = 0;
  for (let call = 0; call < READS; call++) if ((await askOnce(url, user, key)).status === 200) served++;
  await database.query('ALTER TABLE grants ENABLE TRIGGER USER');
  return served;
}
