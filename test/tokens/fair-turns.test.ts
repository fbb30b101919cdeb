import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { coldUsers, userOfToken } from '../support/cold-users.js';
import { linesOf, scrape, valueOf } from '../support/metric-lines.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';

const CONCURRENCY = 8;

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed({
    GOOGLE_CONCURRENCY: String(CONCURRENCY),
    GOOGLE_QUEUE_SECONDS: '60',
    GOOGLE_TIMEOUT_MS: '30000',
  });
}, 60_000);
beforeEach(() => {
  bed.google.control.clearFaults();
  bed.google.control.latency('token', 0);
});
afterAll(() => bed.stop());

const cold = (prefix: string, count: number, client?: string) => coldUsers(bed, prefix, count, client);

/** The users of the refreshes that Google received, in order. */
const asked = () =>
  bed.google.control.requests
    .filter(({ grantType }) => grantType === 'refresh_token')
    .map(({ parameters }) => userOfToken.get(String(parameters['refresh_token'])) ?? '');
const refreshes = () => asked().length;
describe('the queue of requests to Google', () => {
  /** The next requests that Google receives are answered when they are released, one by one or all. */
  function holdNext(count: number) {
    const held = Array.from({ length: count }, () => Promise.withResolvers<null>());
    for (const { promise } of held) bed.google.control.failNext('token', { until: promise });
    bed.google.control.clearRequests();
    const release = (most = count) => {
      for (const { resolve } of held.splice(0, most)) resolve(null);
    };
    return release;
  }

  /** Occupies all turns by calls of two services. */
  async function holdAllTurns() {
    const holders = await cold(`holder-${randomUUID()}`, CONCURRENCY);
    const services = [await bed.service(), await bed.service()];
    const release = holdNext(CONCURRENCY);
    const calls = holders.map((user, index) => (services[index % 2] ?? bed.api).token(user));
    await until(() => refreshes() >= CONCURRENCY);
    return { release, held: Promise.all(calls) };
  }

  const areQueued = (count: number) =>
    until(async () => valueOf(linesOf(await scrape(bed.url)), 'google_queue_depth') === count);

  test('ends a turn with the answer of Google, not when the database has stored it', async () => {
    const users = await cold('stored-later', CONCURRENCY + 1);
    bed.google.control.clearRequests();
    await bed.sql('BEGIN');
    await bed.sql('LOCK TABLE access_tokens IN EXCLUSIVE MODE');
    let answered = 0;
    const calls = users.map((user) => bed.api.token(user).finally(() => answered++));
    await until(() => refreshes() === CONCURRENCY + 1);
    // Later it could be that the database gave up: the lock is waited for as long as lock_timeout says.
    expect(answered).toBe(0);
    await bed.sql('ROLLBACK');
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(users.map(() => 200));
  });

  test('lets no quiet service wait behind the many calls of another', async () => {
    const many = await cold('crowd', 150);
    const [quietUser = ''] = await cold('quiet', 1);
    const quiet = await bed.service();
    const { release, held } = await holdAllTurns();
    const all = many.map((user) => bed.api.token(user));
    await areQueued(150);
    const last = quiet.token(quietUser);
    await areQueued(151);
    // With one turn, requests reach Google in the order of their turns; those of eight would overtake each other on their way.
    release(1);
    all.push(last);
    await last;
    release();
    const responses = await Promise.all(all);
    await held;
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(refreshes()).toBe(CONCURRENCY + 151);
    expect(asked().indexOf(quietUser)).toBeLessThan(CONCURRENCY + 2);
  }, 60_000);

  test('serves two services and two clients in turn', async () => {
    const crowds = [await cold('one', 30), await cold('two', 30), await cold('three', 30, 'second')];
    const [one, two, three] = crowds as [string[], string[], string[]];
    const other = await bed.service();
    const { release, held } = await holdAllTurns();
    const all = [
      ...one.map((user) => bed.api.token(user)),
      ...two.map((user) => other.token(user)),
      ...three.map((user) => bed.api.token(user, { client: 'second' })),
    ];
    await areQueued(90);
    release();
    const responses = await Promise.all(all);
    await held;
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const order = asked().slice(CONCURRENCY);
    expect(order).toHaveLength(90);
    for (const name of ['one-', 'two-', 'three-']) {
      const share = order.slice(0, 45).filter((user) => user.startsWith(name)).length;
      expect(share).toBeGreaterThanOrEqual(12);
    }
  }, 60_000);

  test('leaves slots to other clients where the requests of one hang', async () => {
    const hanging = await cold('hang', 40);
    const [user = ''] = await cold('other-client', 1, 'elsewhere');
    const release = holdNext(CONCURRENCY - 1);
    const all = hanging.map((each) => bed.api.token(each));
    await areQueued(40 - (CONCURRENCY - 1));
    await until(() => refreshes() >= CONCURRENCY - 1);
    expect(refreshes()).toBe(CONCURRENCY - 1);
    expect((await bed.api.token(user, { client: 'elsewhere' })).status).toBe(200);
    expect(asked().indexOf(user)).toBe(CONCURRENCY - 1);
    release();
    await Promise.all(all);
  }, 60_000);

  test('gives a call that waited too long Retry-After, and sends no request for it to Google', async () => {
    const users = await cold('long', 40);
    await bed.restart({ GOOGLE_CONCURRENCY: '2', GOOGLE_QUEUE_SECONDS: '1' });
    bed.google.control.latency('token', 700);
    bed.google.control.clearRequests();
    const responses = await Promise.all(users.map((user) => bed.api.token(user)));
    const refused = responses.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(30);
    for (const { body, headers } of refused) {
      expect(body).toMatchObject({ code: 'google_unavailable' });
      expect(body['detail']).toContain('queue_timeout');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const served = responses.filter(({ status }) => status === 200).length;
    expect(served).toBeGreaterThan(0);
    expect(refreshes()).toBe(served);
    // That is not a failure of the grant.
    bed.google.control.latency('token', 0);
    expect((await bed.api.token(users.at(-1) ?? '')).status).toBe(200);
    await bed.restart();
  }, 60_000);

  test('drops callers that disconnect', async () => {
    const users = await cold('gone', 40);
    const release = holdNext(CONCURRENCY - 1);
    const calls = users.map((user) => callRaw(user));
    await areQueued(40 - (CONCURRENCY - 1));
    for (const call of calls) call.destroy();
    await areQueued(0);
    // It is queued last. Those in flight are finished before it; the others never reach Google.
    const [marker = ''] = await cold('marker', 1);
    const last = bed.api.token(marker);
    release();
    expect((await last).status).toBe(200);
    expect(refreshes()).toBe(CONCURRENCY);
  }, 60_000);

  test('serves one of two callers of the same refresh where the other disconnects', async () => {
    const users = await cold('shared', 20);
    const other = await bed.service();
    const { release, held } = await holdAllTurns();
    const before = users.slice(0, 19).map((user) => bed.api.token(user));
    await areQueued(19);
    const [last = ''] = users.slice(-1);
    const gone = callRaw(last);
    await areQueued(20);
    // It waits in the lanes of both services.
    const kept = other.token(last);
    await areQueued(21);
    gone.destroy();
    await areQueued(20);
    release();
    expect((await kept).status).toBe(200);
    await Promise.all([held, ...before]);
    expect(refreshes()).toBe(CONCURRENCY + 20);
  }, 60_000);

  test('does not delay callers by background refreshes', async () => {
    const renewed = await cold('renewed', 40);
    await Promise.all(renewed.map((user) => bed.api.token(user)));
    // Their tokens have not expired, but are due for a background refresh.
    bed.clock.advance(3100);
    await bed.restart();
    const [user = ''] = await cold('waiting', 1);
    bed.google.control.latency('token', 1000);
    bed.google.control.clearRequests();
    const responses = await Promise.all(renewed.map((each) => bed.api.token(each)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await bed.api.token(user)).status).toBe(200);
    // Otherwise five rounds of eight would precede it: half of the turns are reserved for callers.
    expect(refreshes()).toBeLessThanOrEqual(CONCURRENCY + 4);
    await until(() => refreshes() === 41);
  }, 60_000);
});

/** A call that can be aborted. */
function callRaw(user: string) {
  const call = request(`${bed.url}/tokens/${user}`, {
    headers: { authorization: `Bearer ${bed.api.key}` },
    agent: false,
  });
  call.on('error', () => undefined);
  call.end();
  return call;
}
