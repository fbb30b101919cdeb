/** How long from the start of a process to ready over an existing database, and its memory when idle. */
import { compiled } from '../../sandbox/compiled.js';
import { median, pause, withFleet } from '../environment.js';
import { atMost, type Measure, whole } from '../measure.js';
import { assertProc, residentMegabytes, startServer } from '../processes.js';

/** Of each round. */
interface Start {
  /** Milliseconds. */
  readonly readyAfter: readonly number[];
  readonly megabytes: readonly number[];
  /** The empty NestJS handler, not bundled. */
  readonly nest: { readonly readyAfter: readonly number[]; readonly megabytes: readonly number[] };
}

const IDLE_MS = 3000;

export const start: Measure<Start> = {
  name: 'start',
  title: 'Start and memory',
  explanation: `From the start of the process until \`/health/ready\` answers 200, over a database that is migrated, and its resident memory ${IDLE_MS / 1000}
seconds later, beside an empty NestJS handler, which has no database. The first start after an installation takes longer.`,
  take: (databaseUrl, effort) => {
    assertProc();
    return withFleet(databaseUrl, 1, {}, async ({ fleet }) => {
      const result = {
        readyAfter: [] as number[],
        megabytes: [] as number[],
        nest: { readyAfter: [] as number[], megabytes: [] as number[] },
      };
      for (let round = 0; round < effort.rounds; round++) {
        const replica = await fleet.add();
        result.readyAfter.push(replica.readyAfterMs);
        await pause(IDLE_MS);
        result.megabytes.push(residentMegabytes(replica.process.pid ?? 0));
        await replica.end('SIGTERM');
        const nest = await startServer(compiled('bench/servers/bare-nest.js'), {});
        result.nest.readyAfter.push(nest.readyAfterMs);
        await pause(IDLE_MS);
        result.nest.megabytes.push(residentMegabytes(nest.pid));
        await nest.end();
      }
      return result;
    });
  },
  rows({ readyAfter, megabytes, nest }) {
    return [
      {
        measure: 'start to ready, with an existing database',
        measured: `${whole(median(readyAfter))} ms; an empty NestJS handler ${whole(median(nest.readyAfter))} ms`,
        goal: atMost(median(readyAfter), 700, ' ms'),
      },
      {
        measure: 'resident memory, idle',
        measured: `${whole(median(megabytes))} MB; an empty NestJS handler ${whole(median(nest.megabytes))} MB`,
        goal: atMost(median(megabytes), 110, ' MB'),
      },
    ];
  },
};
