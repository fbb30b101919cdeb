import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { Metrics } from '../../src/operations/metrics.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { DeliverEvents } from '../../src/webhooks/deliver-events.js';
import { contractOf } from '../support/contract.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const SLOT_LIMIT = 3;
const ACCOUNT_SLOT_LIMIT = 4;

let now = () => new Date();
let receiver: Receiver;
let bed: TestBed;

beforeAll(async () => {
  receiver = await startReceiver(() => now());
  bed = await startTestBed({
    WEBHOOK_TIMEOUT_MS: '300',
    SLOT_LIMIT: String(SLOT_LIMIT),
    ACCOUNT_SLOT_LIMIT: String(ACCOUNT_SLOT_LIMIT),
    TESTING_CLIENTS: 'second',
  });
  now = () => bed.clock.now();
  await bed.webhook({ url: receiver.url, secret: receiver.secret });
});
beforeEach(async () => {
  await bed.reset();
  bed.google.control.reset();
  receiver.clear();
});
afterAll(async () => {
  await bed.stop();
  await receiver.close();
});

const connect = (user_id = 'alice', more: Record<string, unknown> = {}) =>
  bed.api.connect({ user_id, scope: YOUTUBE, force: true, ...more }, { account: ALICE.email });
const grantIdOf = async (userId: string) => {
  const { body } = await bed.api.get(`/users/${userId}/grants`);
  return (body['grants'] as { id: string }[])[0]?.id ?? '';
};
const outbox = () => bed.sql('SELECT * FROM outbox_events ORDER BY sequence');
/** The broker looks for work every second of its clock. */
const arrive = async (count: number) => {
  let looks = 0;
  await until(
    () => {
      if (receiver.received.length >= count) return true;
      if (looks++ % 5 === 0) bed.clock.advance(1);
      return false;
    },
    10_000,
    () => `Only ${receiver.received.length} of ${count} webhooks came.`,
  );
  const events = receiver.received;
  const contract = await contractOf(bed.url);
  for (const { text, data } of events) {
    // What pile() makes holds no data.
    if (Object.keys(data).length > 0) contract.checkWebhook(JSON.parse(text) as { type: string });
  }
  return events;
};
/** Announces and delivers what is due, to the end: what must not come has not come then. */
const quiet = async (count: number, { app }: Pick<TestBed, 'app'> = bed) => {
  bed.clock.advance(1);
  const [scheduler, deliveries] = [app.get(Scheduler), app.get(DeliverEvents)];
  await scheduler.runNow('announce expiring grants');
  // One that is under way may have looked before.
  await deliveries.ended();
  await scheduler.runNow('deliver webhooks');
  await deliveries.ended();
  expect(receiver.received).toHaveLength(count);
};
/** Events as a busy hour leaves them. @param inSeconds when they are due */
const pile = async (count: number, inSeconds = 0) => {
  const ids = Array.from({ length: count }, (_, index) => `msg_${index}`);
  await bed.sql(
    // Two rows of the same microsecond have no order of their own.
    `INSERT INTO outbox_events (sequence, id, webhook_id, type, payload, created_at, next_attempt_at)
     SELECT n, id, (SELECT id FROM webhooks), 'grant.connected', '{"type":"grant.connected","timestamp":"2026-01-01T00:00:00.000Z","data":{}}', now(), $2
     FROM unnest($1::text[]) WITH ORDINALITY AS each (id, n)`,
    [ids, new Date(bed.clock.now().getTime() + inSeconds * 1000)],
  );
  return ids;
};
const untilDone = () =>
  until(async () => (await outbox()).every((row) => row['delivered_at'] ?? row['abandoned_at']));

describe('the app', () => {
  test('is notified of connected, more scopes, dead, connected again and disconnected, each once, in order, signed', async () => {
    await connect();
    await connect('alice', { scope: ADS });
    const id = await grantIdOf('alice');
    // The receiver judges a signature by its clock, which is an hour ahead afterwards.
    await arrive(2);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(HOUR);
    await bed.api.token('alice');
    await connect();
    await bed.api.delete(`/grants/${id}`, { mode: 'revoke' });

    const events = await arrive(5);
    expect(events.map(({ type }) => type)).toEqual([
      'grant.connected',
      'grant.scopes_changed',
      'grant.reconnect_required',
      'grant.connected',
      'grant.disconnected',
    ]);
    expect(events.every(({ isSigned }) => isSigned)).toBe(true);
    expect(new Set(events.map((event) => event.id)).size).toBe(5);
    const about = {
      grant_id: id,
      user_id: 'alice',
      client: 'default',
      account: { sub: ALICE.sub, email: ALICE.email },
    };
    for (const { data, timestamp } of events) {
      expect(data).toMatchObject(about);
      expect(Math.abs(bed.clock.now().getTime() - Date.parse(timestamp))).toBeLessThan(2 * HOUR * 1000);
    }
    const [connected, changed, dead, , gone] = events;
    expect(connected?.data).toMatchObject({ status: 'active', scope: expect.stringContaining(YOUTUBE) });
    expect(connected?.data['scope']).not.toContain(ADS);
    expect(changed?.data).toMatchObject({ status: 'active', scope: expect.stringContaining(ADS) });
    expect(dead?.data).toMatchObject({
      status: 'reconnect_required',
      cause: 'user_revoked',
      confidence: 'inferred',
      who_must_act: 'user',
      detail: expect.any(String),
    });
    expect(gone?.data).toMatchObject({ status: 'revoked', revoked_at_google: true });

    await untilDone();
    await quiet(5);
    for (const secret of bed.google.control.secrets()) {
      for (const { text } of events) expect(text).not.toContain(secret);
    }
    expect(bed.log()).not.toContain(receiver.secret.slice('whsec_'.length));
  });

  exhaustive.test('is notified when the slots of an account are nearly full', async () => {
    for (let user = 1; user <= SLOT_LIMIT; user++) await connect(`user-${user}`);
    const events = await arrive(SLOT_LIMIT + 1);
    const full = events.find(({ type }) => type === 'slots.nearly_full');
    expect(full?.data).toMatchObject({
      user_id: `user-${SLOT_LIMIT}`,
      slots: { limit: SLOT_LIMIT, used: SLOT_LIMIT, free: 0 },
    });
  });

  exhaustive.test('is notified when an account has many tokens across all clients', async () => {
    for (const client of ['default', 'second'])
      for (const user of ['user-1', 'user-2']) await connect(user, { client });
    const events = await arrive(ACCOUNT_SLOT_LIMIT + 1);
    const many = events.find(({ type }) => type === 'slots.account_nearly_full');
    expect(many?.data).toMatchObject({
      user_id: 'user-2',
      client: 'second',
      slots: { limit: ACCOUNT_SLOT_LIMIT, used: ACCOUNT_SLOT_LIMIT },
    });
    expect(events.map(({ type }) => type)).not.toContain('slots.nearly_full');
  });

  test('gets a backlog oldest first', async () => {
    const ids = await pile(25);
    await arrive(25);
    expect(receiver.received.map(({ id }) => id)).toEqual(ids);
  });

  exhaustive.test('is notified of a sibling that ended with a revocation as well', async () => {
    await connect('alice');
    await connect('bob', { client: 'second' });
    await bed.api.delete(`/grants/${await grantIdOf('alice')}`, { mode: 'revoke' });
    const events = await arrive(4);
    expect(events.slice(2).map(({ type, data }) => [type, data['user_id']])).toEqual([
      ['grant.reconnect_required', 'bob'],
      ['grant.disconnected', 'alice'],
    ]);
  });
});

describe('a grant that will expire soon', () => {
  exhaustive.test('is reported once in Testing, a day ahead, and again for the next expiry', async () => {
    await connect('alice', { client: 'second' });
    await arrive(1);
    bed.clock.advance(5.9 * DAY);
    await quiet(1);
    await quiet(1);
    bed.clock.advance(0.2 * DAY);
    const [connected, expiring] = await arrive(2);
    const at = new Date(Date.parse(connected?.timestamp ?? '') + 7 * DAY * 1000).toISOString();
    expect(expiring).toMatchObject({
      type: 'grant.expiring',
      isSigned: true,
      data: { user_id: 'alice', status: 'active', expires: { at, reason: 'testing_mode' } },
    });
    bed.clock.advance(HOUR);
    await quiet(2);
    await quiet(2);

    await bed.sql('DELETE FROM access_tokens');
    await connect('alice', { client: 'second', another_account: true, scope: ADS });
    await arrive(3);
    bed.clock.advance(6.5 * DAY);
    const again = (await arrive(4)).at(-1);
    expect(again).toMatchObject({ type: 'grant.expiring', data: { user_id: 'alice' } });
  });

  exhaustive.test(
    'is reported a week ahead where it is unused for long, and not once it is used again',
    async () => {
      await connect('idle');
      await connect('busy');
      await arrive(2);
      bed.clock.advance(170 * DAY);
      await bed.api.token('busy');
      bed.clock.advance(7 * DAY);
      const last = (await arrive(3)).at(-1);
      expect(last).toMatchObject({
        type: 'grant.expiring',
        data: { user_id: 'idle', expires: { reason: 'inactivity' } },
      });
      await quiet(3);
    },
  );
});

describe('a receiver that refuses an event', () => {
  test('gets it again, later each time, with the same id and a fresh signature', async () => {
    receiver.respondWith(500, 'no_response', 404);
    await connect();
    await arrive(1);
    for (const [attempt, seconds] of [
      [2, 5],
      [3, 30],
      [4, 120],
    ] as const) {
      await untilFailed(attempt - 1);
      bed.clock.advance(seconds * 0.9 - 2);
      await quiet(attempt - 1);
      bed.clock.advance(seconds * 0.2 + 2);
      await receiver.wait(attempt);
    }
    await untilDone();
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);
    expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true);
    const log = bed.log();
    for (const error of ['http_500', 'timeout', 'http_404']) expect(log).toContain(`"error":"${error}"`);
    expect(log).not.toContain('whatever a receiver says');
    expect(log).not.toContain(receiver.url);
  });

  const untilFailed = (times: number) => until(async () => (await outbox())[0]?.['attempts'] === times);

  test('gets every event when it is back', async () => {
    await receiver.close();
    await connect('alice');
    await untilFailed(1);
    expect((await outbox())[0]?.['last_error']).toBe('econnrefused');
    await receiver.reopen();
    bed.clock.advance(6);
    await arrive(1);
  });

  exhaustive.test('does not delay others by one event that fails', async () => {
    receiver.respondWith(500);
    await connect('alice');
    await connect('bob');
    const events = await arrive(2);
    expect(events.map(({ data }) => data['user_id'])).toEqual(['alice', 'bob']);
  });

  test('ends a delivery by 410 Gone, and its redirect is not followed', async () => {
    receiver.respondWith(410, { status: 302, location: `${receiver.url}/elsewhere` });
    await connect('alice');
    await arrive(1);
    await untilDone();
    await connect('bob');
    await arrive(2);
    await quiet(2);
    expect(await outbox()).toMatchObject([
      { abandoned_at: expect.any(Date), last_error: 'http_410', attempts: 1 },
      { abandoned_at: null, last_error: 'http_302', attempts: 1 },
    ]);
    expect(bed.log()).toContain('a webhook event was abandoned');
  });

  exhaustive.test('is abandoned after the last attempt', async () => {
    receiver.respondWith(503, 503);
    await connect();
    await arrive(1);
    await untilFailed(1);
    await bed.sql('UPDATE outbox_events SET attempts = 9');
    bed.clock.advance(6);
    await arrive(2);
    await untilDone();
    await quiet(2);
    expect(await outbox()).toMatchObject([{ abandoned_at: expect.any(Date), attempts: 10 }]);
  });

  exhaustive.test('has delivered events deleted after 30 days, and others kept', async () => {
    await connect('alice');
    await arrive(1);
    await untilDone();
    receiver.respondWith(...Array.from({ length: 5 }, () => 503));
    bed.clock.advance(29 * DAY);
    await connect('bob');
    await arrive(2);
    expect(await outbox()).toHaveLength(2);
    bed.clock.advance(2 * DAY);
    await until(async () => (await outbox()).length === 1);
    expect(await outbox()).toMatchObject([{ delivered_at: null }]);
  });
});

describe('a row of the outbox that the broker did not write', () => {
  test.each(
    fewOf([
      ['whose payload is null', `payload = 'null'`],
      ['whose payload is no object', `payload = '[]'`],
      ['whose payload is a text', `payload = '"text"'`],
      ['without data', `payload = '{"timestamp":"2026-01-01T00:00:00.000Z"}'`],
      ['whose data is a list', `payload = '{"timestamp":"2026-01-01T00:00:00.000Z","data":[]}'`],
      ['without a time', `payload = '{"data":{}}'`],
      ['with a time that is none', `payload = '{"timestamp":"soon","data":{}}'`],
      ['nested deeper than can be read', `payload = (repeat('[', 3000) || repeat(']', 3000))::json`],
      ['with an id that is no header', `id = id || E'\\n'`],
      ['that was tried more often than there are numbers', 'attempts = 2147483647'],
      ['that was tried less than never', 'attempts = -1'],
    ]),
  )('%s is abandoned with an alarm; the others are delivered', async (_, change) => {
    const before = await alarms();
    await pile(12, 5);
    await bed.sql(`UPDATE outbox_events SET ${change} WHERE id IN ('msg_0', 'msg_3')`);
    bed.clock.advance(5);
    await arrive(10);
    await untilDone();
    await quiet(10);
    const given = (await outbox()).filter((row) => row['abandoned_at'] !== null);
    expect(given).toHaveLength(2);
    for (const row of given) expect(row).toMatchObject({ last_error: 'malformed', delivered_at: null });
    expect(await alarms()).toBe(before + 2);
    expect(bed.log()).toContain('"kind":"outbox_event","event":"msg_0');
  });

  const alarms = async () => {
    const text = await bed.app.get(Metrics).registry.metrics();
    return Number(
      /^token_broker_integrity_failures_total\{kind="outbox_event"\} (\d+)$/m.exec(text)?.[1] ?? 0,
    );
  };
});

exhaustive.describe('brokers that come and go', () => {
  test('lose nothing when one stops between a change and its delivery', async () => {
    await bed.restart({ WEBHOOK_TIMEOUT_MS: '10000' });
    receiver.respondWith('no_response');
    await connect('alice');
    await connect('bob');
    await arrive(1);
    await connect('carol', { client: 'elsewhere' });
    await bed.restart();
    const events = (await receiver.wait(4)).slice(1);
    await untilDone();
    // Also the one that waited for an answer is sent again at once, and none counts as failed.
    expect(events.map(({ data }) => data['user_id'])).toEqual(['alice', 'bob', 'carol']);
    expect((await outbox()).map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
  });

  test('take over an event of one that was stopped while delivering it', async () => {
    await pile(1, 20);
    await quiet(0);
    bed.clock.advance(20);
    await arrive(1);
  });

  test('deliver each event once, where two share one database', async () => {
    const port = String(await freePort());
    const settings = { ...bed.settings, PORT: port };
    const second = await startBroker(readConfiguration(settings), { clock: bed.clock });
    try {
      await pile(40);
      await arrive(40);
      await untilDone();
      await quiet(40);
      await quiet(40, { app: second });
      expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(40);
      // Both look for grants that expire, and the app is notified once.
      await connect('alice', { client: 'second' });
      await arrive(41);
      bed.clock.advance(6.5 * DAY);
      await arrive(42);
      await quiet(42);
      await quiet(42, { app: second });
    } finally {
      await second.close();
    }
  });
});
