/** `WORKERS=2` beside one process, both loaded with warm tokens on the same cores. */
import { availableParallelism } from 'node:os';
import { SETTING_NAMES } from '../../src/config/environment.js';
import { askOnce, withFleet } from '../environment.js';
import { interleave, middle, p99, type Round, share } from '../load.js';
import { LeftOut, type Measure, ms, ratio, whole } from '../measure.js';
import { bars } from '../page/bars.js';

interface Workers {
  readonly rounds: readonly Round<'one' | 'two'>[];
  readonly cores: number;
}

const CORES_ON_PAPER = 16;

export const workers: Measure<Workers> = {
  name: 'workers',
  title: 'Two processes on one port',
  explanation: `Warm tokens from a broker with \`WORKERS=2\`, beside one process, on the same machine. On two cores two processes cannot be twice
as fast: the load generator takes most of a core, PostgreSQL some of the other, and the second process shares what is left. The figure says what the
second process costs there, not what it gains on a larger machine.`,
  take: (databaseUrl, effort) => {
    if (!(SETTING_NAMES as readonly string[]).includes('WORKERS')) {
      throw new LeftOut('this version of the broker has no setting `WORKERS`');
    }
    return withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, authorization, seed }) => {
      const [user = ''] = await seed('warm', 1, 3500);
      const both = await fleet.add({ WORKERS: '2' });
      // Each process has a cache of its own, and connections are spread over both.
      for (let call = 0; call < 50; call++) await askOnce(both.url, user, key);
      const target = (base: string, pid: number | undefined) => ({
        url: `${base}/tokens/${user}`,
        headers: authorization,
        pid,
      });
      const targets = {
        one: target(url, fleet.replicas[0]?.process.pid),
        two: target(both.url, both.process.pid),
      };
      return { rounds: await interleave(targets, effort), cores: availableParallelism() };
    });
  },
  rows({ rounds, cores }) {
    const [one, two] = [middle(rounds, 'one'), middle(rounds, 'two')];
    return [
      {
        measure: `warm tokens with \`WORKERS=2\`, against one process, on ${cores} cores with the load generator and PostgreSQL`,
        measured: `${whole(two.requestsPerSecond)} against ${whole(one.requestsPerSecond)}: ${ratio(share(rounds, 'two', 'one'))}; p99 ${ms(p99(two))} against ${ms(p99(one))}`,
        goal: null,
      },
    ];
  },
  notes({ rounds }) {
    const { processorMicroseconds: each, generatorCores } = middle(rounds, 'two');
    const generator = `The load generator took ${ratio(generatorCores)} of a core.`;
    if (each === null) return generator;
    return `${generator} On paper: a warm token takes ${whole(each)} µs of the broker's processor, so ${CORES_ON_PAPER} workers on ${CORES_ON_PAPER} cores of this
kind answer at most ${CORES_ON_PAPER} ÷ ${whole(each)} µs = ${whole((CORES_ON_PAPER * 1e6) / each)} a second, with callers and PostgreSQL on other machines; a
warm token needs nothing that the workers share but the port.`;
  },
  plots: ({ rounds }) => [
    bars('workers', 'Warm tokens by number of processes', rounds, [
      { who: 'one', label: 'one process', tone: 'broker' },
      { who: 'two', label: 'WORKERS=2', tone: 'second' },
    ]),
  ],
};
