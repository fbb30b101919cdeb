/** Thousands of calls on a grant that died: Google is not asked again. */
import { askAll, askOnce, withFleet } from '../environment.js';
import { isTrue, type Measure, whole } from '../measure.js';

interface DeadGrant {
  readonly calls: number;
  readonly askedAtGoogle: number;
}

const CALLS = 10_000;
const CONCURRENCY = 50;

export const deadGrant: Measure<DeadGrant> = {
  name: 'dead-grant',
  title: 'Calls on a dead grant',
  explanation: `Google refused a refresh token for good; ${whole(CALLS)} calls follow, ${CONCURRENCY} at a time. Each is refused with 410, and Google is not
asked. How fast: [refusals](#refusals).`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, seed }) => {
      const [user = ''] = await seed('dead', 1, 0);
      fleet.google.control.failNext('token', { named: 'invalid_grant_expired_or_revoked' });
      await askOnce(url, user, key);
      fleet.google.control.clearRequests();
      const calls = effort.some(CALLS);
      await askAll(
        url,
        Array.from({ length: calls }, () => user),
        key,
        CONCURRENCY,
        410,
      );
      return { calls, askedAtGoogle: fleet.google.control.count('token', 'refresh_token') };
    }),
  rows: ({ calls, askedAtGoogle }) => [
    {
      measure: `${whole(calls)} calls on a dead grant, requests at Google`,
      measured: String(askedAtGoogle),
      goal: isTrue('0', askedAtGoogle === 0),
    },
  ],
};
