/** The processor time that a refresh costs the broker's process. */
import { askAll, median, pause, withFleet } from '../environment.js';
import { CONNECTIONS } from '../load.js';
import { atMost, LeftOut, type Measure, whole } from '../measure.js';
import { assertProc, processorSeconds } from '../processes.js';

interface RefreshProcessor {
  /** Milliseconds of user and system time for a refresh, in each round. */
  readonly rounds: readonly number[];
  readonly refreshesPerSecond: number;
  /** Milliseconds a second, of the process without calls. */
  readonly idle: number;
}

const REFRESHES = 1000;
/** Longer than AUDIT_FLUSH_SECONDS: what a refresh leaves to be written counts as its own. */
const SETTLE_MS = 2000;

export const refreshProcessor: Measure<RefreshProcessor> = {
  name: 'refresh-processor',
  title: 'Processor time of a refresh',
  explanation: `User and system time of the broker's process for a token that is refreshed (read, lease, Google, save, audit), less what the
process takes in the same time without calls. Google answers at once; ${CONNECTIONS} calls at a time; ${whole(REFRESHES)} refreshes a round.`,
  take: (databaseUrl, effort) => {
    assertProc();
    return withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, seed }) => {
      const spent = () => {
        const seconds = processorSeconds(fleet.replicas[0]?.process.pid ?? 0);
        if (seconds === null) throw new LeftOut('the processor time of the broker could not be read');
        return { seconds, at: performance.now() };
      };
      await askAll(url, await seed('warm-up', effort.some(2 * REFRESHES), 0), key, CONNECTIONS);
      const rounds: { processor: number; idle: number; perSecond: number }[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        const users = await seed(`round-${round}`, effort.some(REFRESHES), 0);
        await pause(SETTLE_MS);
        const still = spent();
        await pause(SETTLE_MS);
        const before = spent();
        // Seconds of processor a second.
        const idle = (before.seconds - still.seconds) / ((before.at - still.at) / 1000);
        await askAll(url, users, key, CONNECTIONS);
        const answeredAfter = (performance.now() - before.at) / 1000;
        await pause(SETTLE_MS);
        const after = spent();
        const own = after.seconds - before.seconds - (idle * (after.at - before.at)) / 1000;
        rounds.push({
          processor: (own * 1000) / users.length,
          idle: idle * 1000,
          perSecond: users.length / answeredAfter,
        });
      }
      return {
        rounds: rounds.map(({ processor }) => processor),
        idle: median(rounds.map(({ idle }) => idle)),
        refreshesPerSecond: median(rounds.map(({ perSecond }) => perSecond)),
      };
    });
  },
  rows({ rounds, refreshesPerSecond, idle }) {
    const processor = median(rounds);
    const range = [Math.min(...rounds), Math.max(...rounds)].map((each) => each.toFixed(2)).join(' to ');
    return [
      {
        measure: "processor time of the broker's process a refresh, Google answering at once",
        measured: `${processor.toFixed(2)} ms (rounds: ${range}); ${whole(refreshesPerSecond)} refreshes a second; idle ${whole(idle)} ms a second`,
        goal: atMost(processor, 1.2, ' ms'),
      },
    ];
  },
};
