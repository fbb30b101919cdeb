/** Refusals of an unchanged state, repeated: 410, 404 and 403, beside a warm response. */
import { askOnce, withFleet } from '../environment.js';
import { interleave, middle, p99, type Round, share } from '../load.js';
import { atLeast, type Measure, ms, ratio, whole } from '../measure.js';
import { bars } from '../page/bars.js';

type Refusal = 'dead' | 'unconnected' | 'scope';

interface Refusals {
  readonly rounds: readonly Round<'warm' | Refusal>[];
}

const NAMES: Readonly<Record<Refusal, string>> = {
  dead: '410, the grant is dead',
  unconnected: '404, not connected',
  scope: '403, a scope is missing',
};
const REFUSALS = Object.keys(NAMES) as Refusal[];
/** Granted to no user here. */
const OTHER_SCOPE = encodeURIComponent('https://www.googleapis.com/auth/drive.readonly');

export const refusals: Measure<Refusals> = {
  name: 'refusals',
  title: 'Refusals',
  explanation: `The same \`GET /tokens/:userId\`, refused each time: the grant is dead (410), the user is not connected (404), a scope is
missing (403). Each refusal has a link to connect. Google is not asked.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, authorization, seed }) => {
      const [alice = ''] = await seed('warm', 1, 3500);
      const [dead = ''] = await seed('dead', 1, 0);
      fleet.google.control.failNext('token', { named: 'invalid_grant_expired_or_revoked' });
      const { status } = await askOnce(url, dead, key);
      if (status !== 410) throw new Error(`The grant is not dead: ${status}.`);
      const pid = fleet.replicas[0]?.process.pid;
      const target = (path: string, expected: number) => ({
        url: `${url}/tokens/${path}`,
        headers: authorization,
        status: expected,
        pid,
      });
      const targets = {
        warm: target(alice, 200),
        dead: target(dead, 410),
        unconnected: target('unconnected', 404),
        scope: target(`${alice}?scope=${OTHER_SCOPE}`, 403),
      };
      return { rounds: await interleave(targets, effort) };
    }),
  rows: ({ rounds }) =>
    REFUSALS.map((who) => {
      const load = middle(rounds, who);
      const toWarm = share(rounds, who, 'warm');
      return {
        measure: `refusal ${NAMES[who]}, against a warm token`,
        measured: `${whole(load.requestsPerSecond)} against ${whole(middle(rounds, 'warm').requestsPerSecond)}: ${ratio(toWarm)}; p99 ${ms(p99(load))}`,
        goal: atLeast(toWarm, 0.5),
      };
    }),
  plots: ({ rounds }) => [
    bars('refusals', 'A warm token and refusals', rounds, [
      { who: 'warm', label: 'warm token', tone: 'broker' },
      ...REFUSALS.map((who) => ({ who, label: NAMES[who], tone: 'second' as const })),
    ]),
  ],
};
