/** Which changes by others evict the cached responses of all callers: those that a response depends on, and what is not known. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { ChangeFeed } from '../../src/token-store/change-feed/change-feed.js';
import type { Change } from '../../src/token-store/change-feed/change-listener.js';
import { linesOf, valueOf } from '../support/metric-lines.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
  await bed.sql(`INSERT INTO declared_settings VALUES ('client', 'second', '{"testing": true}', '\\x00')`);
});
beforeEach(async () => {
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  // The first is read, and the second comes from memory, or from the third on where the heartbeat came late.
  await until(async () => (await sourceOfNext()) === 'memory');
});
afterAll(() => bed.stop());

async function countOf(source: string): Promise<number> {
  const lines = linesOf(await bed.app.get(Metrics).registry.metrics());
  const labels = { route: '/tokens/:userId', code: 'ok', source };
  return valueOf(lines, 'http_request_duration_seconds_count', labels) ?? 0;
}

/** What the token of one call came from. A call is counted after its response. */
async function sourceOfNext(): Promise<string | undefined> {
  const sources = ['memory', 'store', 'refresh'];
  const counts = () => Promise.all(sources.map(countOf));
  const before = await counts();
  const { status } = await bed.api.token('alice');
  expect(status).toBe(200);
  let grown: string[] = [];
  await until(async () => {
    const after = await counts();
    grown = sources.filter((_, index) => (after[index] ?? 0) > (before[index] ?? 0));
    return grown.length > 0;
  });
  return grown[0];
}

/** @returns the kinds that were published, and what the next two calls got their token from */
async function after(change: string) {
  const kinds = new Set<Change['kind']>();
  const feed = bed.app.get(ChangeFeed);
  const unsubscribe = feed.subscribe(({ kind }) => kinds.add(kind));
  await bed.sql(change);
  await feed.catchUp();
  unsubscribe();
  return { kinds: [...kinds], sources: [await sourceOfNext(), await sourceOfNext()] };
}

test('a change of a webhook evicts none', async () => {
  const { kinds, sources } = await after('UPDATE webhooks SET sealed_secrets = sealed_secrets');
  expect({ kinds, sources }).toEqual({ kinds: ['webhooks'], sources: ['memory', 'memory'] });
});

test.each([
  // An issuer of JWTs may be another, and what it signed may be a cached caller's credential.
  ['a setting', 'UPDATE declared_settings SET mac = mac', 'settings'],
  ['a service', 'UPDATE services SET id = id', 'services'],
  // As a later version may send, while this one still runs.
  ['a kind that this version does not know', `NOTIFY token_broker, '{"kind":"quux"}'`, 'everything'],
])('a change of %s evicts all, and what is read then is cached', async (_, change, kind) => {
  expect(await after(change)).toEqual({ kinds: [kind], sources: ['store', 'memory'] });
});
