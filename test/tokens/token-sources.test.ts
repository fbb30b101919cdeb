/** What a token came from, as the metrics and the console count it: a refresh that brought no token is none. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ActivityCounts } from '../../src/domain/activity.js';
import { Metrics } from '../../src/operations/metrics.js';
import { linesOf, valueOf } from '../support/metric-lines.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.sql(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
});
afterAll(() => bed.stop());

const failSaves = () =>
  bed.sql(
    'CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON access_tokens FOR EACH ROW EXECUTE FUNCTION fail()',
  );
const acceptSaves = () => bed.sql('DROP TRIGGER failing ON access_tokens');

interface Counts {
  readonly store: number;
  readonly refresh: number;
  readonly memory: number;
}

async function measured(): Promise<Counts> {
  const lines = linesOf(await bed.app.get(Metrics).registry.metrics());
  const of = (source: string) =>
    valueOf(lines, 'http_request_duration_seconds_count', { route: '/tokens/:userId', code: 'ok', source }) ??
    0;
  return { store: of('store'), refresh: of('refresh'), memory: of('memory') };
}

/** Calls so often, and returns by how much each count grew: of /metrics, and the same two of the console. */
async function countsOf(calls: number, query: Record<string, string> = {}) {
  const { all } = bed.app.get(ActivityCounts);
  const activity = () => [all.get('tokens.stored') ?? 0, all.get('tokens.refreshed') ?? 0] as const;
  const [before, [stored, refreshed]] = [await measured(), activity()];
  for (let call = 0; call < calls; call++) {
    const { status } = await bed.api.token('alice', query);
    expect(status).toBe(200);
  }
  let by: Counts = { store: 0, refresh: 0, memory: 0 };
  // A call is counted after its response.
  await until(async () => {
    const after = await measured();
    by = {
      store: after.store - before.store,
      refresh: after.refresh - before.refresh,
      memory: after.memory - before.memory,
    };
    return by.store + by.refresh + by.memory === calls;
  });
  const [storedNow, refreshedNow] = activity();
  return { ...by, console: { store: storedNow - stored, refresh: refreshedNow - refreshed } };
}

test('a stored token that is served since Google fails counts as stored', async () => {
  bed.clock.advance(3500);
  bed.google.control.failAlways('token', { status: 503, body: '' });
  expect(await countsOf(3)).toEqual({
    store: 3,
    refresh: 0,
    memory: 0,
    console: { store: 3, refresh: 0 },
  });
});

test('a token that the database has not accepted yet counts as refreshed for the call that waited, then as stored', async () => {
  bed.clock.advance(3600);
  await failSaves();
  try {
    expect(await countsOf(4)).toEqual({
      store: 3,
      refresh: 1,
      memory: 0,
      console: { store: 3, refresh: 1 },
    });
  } finally {
    await acceptSaves();
  }
});

test('a token that is kept during the backoff, and expires within min_ttl, counts as refreshed once for each request to Google', async () => {
  bed.clock.advance(3600);
  bed.google.control.clearRequests();
  await failSaves();
  bed.google.control.overrideTokenResponse({ expires_in: 600 });
  try {
    const { console, ...counts } = await countsOf(20, { min_ttl: '3000' });
    const refresh = bed.google.control.count('token');
    expect(refresh).toBeLessThan(20);
    expect(counts).toEqual({ store: 20 - refresh, refresh, memory: 0 });
    expect(console).toEqual({ store: 20 - refresh, refresh });
  } finally {
    await acceptSaves();
  }
});
