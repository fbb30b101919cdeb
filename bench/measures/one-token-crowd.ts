/** A thousand callers of one expired token, on three replicas. */
import { askOnce, median, withFleet } from '../environment.js';
import { isTrue, type Measure, ms, whole } from '../measure.js';

interface OneTokenCrowd {
  readonly callers: number;
  readonly replicas: number;
  /** The most requests at Google in a round. */
  readonly askedAtGoogle: number;
  /** The fewest callers that got a token in a round. */
  readonly answered: number;
  /** The most different tokens in a round. */
  readonly tokens: number;
  /** Milliseconds until the last was answered, of each round. */
  readonly untilLast: readonly number[];
}

const CALLERS = 1000;
const REPLICAS = 3;
const GOOGLE_MS = 100;

export const oneTokenCrowd: Measure<OneTokenCrowd> = {
  name: 'one-token-crowd',
  title: 'A thousand callers of one expired token',
  explanation: `${whole(CALLERS)} calls for the same expired token, spread over ${REPLICAS} replicas, all sent before the first is answered; Google takes
${GOOGLE_MS} ms and must be asked once.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, REPLICAS, {}, async ({ fleet, key, seed }) => {
      fleet.google.control.latency('token', GOOGLE_MS);
      const callers = effort.some(CALLERS);
      const rounds: { asked: number; answered: number; tokens: number; untilLast: number }[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        const [user = ''] = await seed(`crowd-${round}`, 1, 0);
        fleet.google.control.clearRequests();
        const start = performance.now();
        const responses = await Promise.all(
          Array.from({ length: callers }, (_, call) =>
            askOnce(fleet.replicas[call % REPLICAS]?.url ?? '', user, key),
          ),
        );
        rounds.push({
          asked: fleet.google.control.count('token', 'refresh_token'),
          answered: responses.filter(({ status }) => status === 200).length,
          tokens: new Set(responses.map(({ token }) => token)).size,
          untilLast: performance.now() - start,
        });
      }
      return {
        callers,
        replicas: REPLICAS,
        askedAtGoogle: Math.max(...rounds.map(({ asked }) => asked)),
        answered: Math.min(...rounds.map(({ answered }) => answered)),
        tokens: Math.max(...rounds.map(({ tokens }) => tokens)),
        untilLast: rounds.map(({ untilLast }) => untilLast),
      };
    }),
  rows: ({ callers, replicas, askedAtGoogle, answered, tokens, untilLast }) => [
    {
      measure: `${whole(callers)} callers at once on one expired token, ${replicas} replicas`,
      measured: `${askedAtGoogle} request at Google, ${whole(answered)} answered with ${tokens} token, ${ms(median(untilLast))} in all`,
      goal: isTrue(
        '1 request, all answered with it',
        askedAtGoogle === 1 && answered === callers && tokens === 1,
      ),
    },
  ],
};
