/** Several webhooks: who gets what, secrets that rotate, and one that is disabled after days of failure. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { Metrics } from '../../src/operations/metrics.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { DeliverEvents } from '../../src/webhooks/deliver-events.js';
import { ReplayWebhooks } from '../../src/webhooks/replay-webhooks.js';
import { WebhookRegistry } from '../../src/webhooks/webhook-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const DAY = 24 * 3600;
const ALL_EVENTS = { state: null, webhookId: null, type: null, since: null, until: null };

let bed: TestBed;
let app: Receiver;
let other: Receiver;
beforeAll(async () => {
  bed = await startTestBed({ WEBHOOK_TIMEOUT_MS: '300', WEBHOOK_DISABLE_DAYS: '2' });
  app = await startReceiver(() => bed.clock.now());
  other = await startReceiver(() => bed.clock.now());
});
beforeEach(async () => {
  await bed.reset();
  bed.google.control.reset();
  app.clear();
  other.clear();
});
afterEach(async () => {
  await bed.sql('DELETE FROM webhooks');
});
afterAll(async () => {
  await bed.stop();
  await Promise.all([app.close(), other.close()]);
});

const connect = (user_id = 'alice', more: Record<string, unknown> = {}) =>
  bed.api.connect({ user_id, scope: YOUTUBE, force: true, ...more }, { account: ALICE.email });
const outbox = () => bed.sql('SELECT * FROM outbox_events ORDER BY sequence');
const registry = () => bed.app.get(WebhookRegistry);
/** Until nothing waits any more; the broker looks every second of its clock. */
const settled = () =>
  until(async () => {
    bed.clock.advance(1);
    return (await outbox()).every((row) => row['delivered_at'] ?? row['abandoned_at']);
  });
const typesAt = ({ received }: Receiver) =>
  received.map(({ type, data }) => `${type} ${String(data['user_id'])}`);
const receivers = async (state: string) => {
  const text = await bed.app.get(Metrics).registry.metrics();
  return Number(
    new RegExp(`^token_broker_webhook_receivers\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? NaN,
  );
};
const audited = async (action: string) => {
  await bed.app.get(AuditLog).flush();
  return bed.sql('SELECT actor, outcome, details FROM audit_trail WHERE action = $1 ORDER BY sequence', [
    action,
  ]);
};

describe('an event', () => {
  test('is not stored while there is no webhook', async () => {
    await connect();
    expect(await outbox()).toEqual([]);
  });

  test('goes to each webhook whose types it is of, signed for each with its own secret', async () => {
    await bed.webhook({ url: app.url, secret: app.secret });
    await bed.webhook({ url: other.url, secret: other.secret, events: ['grant.scopes_changed'] });
    await connect();
    await connect('alice', { scope: ADS });
    await settled();
    expect(typesAt(app)).toEqual(['grant.connected alice', 'grant.scopes_changed alice']);
    expect(typesAt(other)).toEqual(['grant.scopes_changed alice']);
    expect([...app.received, ...other.received].every(({ isSigned }) => isSigned)).toBe(true);
  });

  test('goes to a webhook of a service where its policy covers user and client, as long as it is active', async () => {
    const name = 'reports';
    const services = bed.app.get(ServiceRegistry);
    const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
    await services.create(name, { clients: ['default'], scopes: ['*'], users: ['team-*'], ...rights });
    await bed.webhook({ url: app.url, secret: app.secret, services: [name] });
    await connect('team-a');
    await connect('team-a', { client: 'elsewhere' });
    await connect('alice');
    await settled();
    expect(typesAt(app)).toEqual(['grant.connected team-a']);
    await services.revoke(name);
    await connect('team-b');
    expect(await outbox()).toHaveLength(1);
  });

  exhaustive.test(
    'that was stored before its service was revoked is not sent, also when it is replayed',
    async () => {
      const services = bed.app.get(ServiceRegistry);
      const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
      await services.create('leaving', { clients: ['*'], scopes: ['*'], users: ['*'], ...rights });
      const { id } = await bed.webhook({ url: app.url, secret: app.secret, services: ['leaving'] });
      await bed.webhook({ url: other.url, secret: other.secret });
      await registry().disable(id);
      await connect('alice');
      await services.revoke('leaving');
      await registry().enable(id);
      const filter = { ...ALL_EVENTS, state: 'abandoned', webhookId: id } as const;
      expect(await bed.app.get(ReplayWebhooks).replayAll(filter, 'operator')).toBe(1);
      await settled();
      expect(typesAt(app)).toEqual([]);
      expect(typesAt(other)).toEqual(['grant.connected alice']);
      expect((await outbox()).filter((row) => row['webhook_id'] === id)).toMatchObject([
        { delivered_at: null, last_error: 'filtered' },
      ]);
    },
  );

  test('of a webhook that is disabled or deleted is not made due by a replay', async () => {
    const disabled = await bed.webhook({ url: app.url, secret: app.secret });
    const deleted = await bed.webhook({ url: app.url, secret: app.secret });
    await bed.webhook({ url: other.url, secret: other.secret });
    await registry().disable(disabled.id);
    await connect('alice');
    await settled();
    await registry().remove(deleted.id);
    await bed.sql(
      `UPDATE outbox_events SET delivered_at = NULL, abandoned_at = now(), last_error = 'http_500'`,
    );
    const replays = bed.app.get(ReplayWebhooks);
    const abandoned = { ...ALL_EVENTS, state: 'abandoned' } as const;
    expect(await replays.replayAll(abandoned, 'operator')).toBe(1);
    for (const { id: webhookId } of [disabled, deleted])
      expect(await replays.replayAll({ ...abandoned, webhookId }, 'operator')).toBe(0);
    const idAt = async (webhook: string) =>
      String((await outbox()).find((row) => row['webhook_id'] === webhook)?.['id']);
    expect(await replays.replay(await idAt(disabled.id), 'operator')).toBe('webhook_disabled');
    expect(await replays.replay(await idAt(deleted.id), 'operator')).toBe('webhook_deleted');
    expect(await replays.replay('msg_unknown', 'operator')).toBe('not_found');
    await settled();
    await registry().enable(disabled.id);
    expect(await replays.replay(await idAt(disabled.id), 'operator')).toBe('due');
    await settled();
    expect(typesAt(app).at(-1)).toBe('grant.connected alice');
  });

  exhaustive.test('of a type that its webhook no longer takes is not sent', async () => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret });
    await registry().disable(id);
    await connect('alice');
    await registry().update(id, { events: ['grant.expiring'] });
    await registry().enable(id);
    await bed.app.get(ReplayWebhooks).replayAll(ALL_EVENTS, 'operator');
    await settled();
    expect(typesAt(app)).toEqual([]);
    expect(await outbox()).toMatchObject([{ last_error: 'filtered' }]);
  });

  exhaustive.test('is delivered while another webhook does not answer', async () => {
    await bed.webhook({ url: app.url, secret: app.secret });
    await bed.webhook({ url: other.url, secret: other.secret });
    await bed.restart({ WEBHOOK_TIMEOUT_MS: '60000' });
    app.respondWith('no_response');
    for (const user of ['a', 'b', 'c', 'd', 'e']) await connect(user);
    bed.clock.advance(1);
    await until(() => other.received.length === 5);
    expect(app.received).toHaveLength(1);
    await bed.restart();
    await settled();
    expect(app.received.length).toBeGreaterThanOrEqual(5);
  });
});

describe('a notice of expiry', () => {
  beforeAll(async () => {
    const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
    const policy = { clients: ['*'], scopes: ['*'], users: ['team-*'], ...rights };
    await bed.app.get(ServiceRegistry).create('of a team', policy);
  });

  test.each([
    ['has the type', { events: ['grant.connected'] }, { events: [] }],
    ['is for its users', { services: ['of a team'] }, { services: [] }],
    ['is enabled', {}, null],
  ])('waits until a webhook that takes it %s', async (_, before, change) => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret, ...before });
    await bed.webhook({ url: other.url, events: ['grant.connected'] });
    if (!change) await registry().disable(id);
    await connect('alice');
    await settled();
    app.clear();
    bed.clock.advance(178 * DAY);
    const announce = () => bed.app.get(Scheduler).runNow('announce expiring grants');
    await announce();
    await settled();
    expect(typesAt(app)).toEqual([]);
    await (change ? registry().update(id, change) : registry().enable(id));
    await announce();
    await announce();
    await settled();
    expect(typesAt(app)).toEqual(['grant.expiring alice']);
  });
});

describe('a secret that is replaced', () => {
  test('signs as well until its overlap ends where the next one is replaced meanwhile', async () => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret });
    for (const filling of [5, 6])
      await registry().rotate(
        id,
        new Secret(`whsec_${Buffer.alloc(32, filling).toString('base64')}`),
        3600_000,
      );
    await connect('alice');
    await settled();
    expect(app.received).toMatchObject([{ isSigned: true }]);
    expect(String(app.received[0]?.headers['webhook-signature']).split(' ')).toHaveLength(3);
  });

  test('is one of as many signatures as the OpenAPI document says', async () => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret });
    for (const filling of [1, 2, 3, 4, 5, 6, 7, 8])
      await registry().rotate(
        id,
        new Secret(`whsec_${Buffer.alloc(32, filling).toString('base64')}`),
        3600_000,
      );
    await connect('alice');
    await settled();
    const signatures = String(app.received[0]?.headers['webhook-signature']).split(' ');
    const document = await (await fetch(`${bed.url}/openapi.json`)).text();
    const described = [...document.matchAll(/HMAC-SHA256 over id[^"]*/g)].map(([text]) => text);
    expect(described.length).toBeGreaterThan(0);
    for (const text of described) expect(text).toContain(`up to ${signatures.length}`);
  });

  test('signs a test event as well, which the receiver with the former secret accepts', async () => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret });
    await registry().rotate(id, new Secret(`whsec_${Buffer.alloc(32, 5).toString('base64')}`), 3600_000);
    const test = () => bed.app.get(ReplayWebhooks).test(id, 'operator');
    await test();
    expect(app.received).toMatchObject([{ isSigned: true }]);
    bed.clock.advance(3601);
    await test();
    expect(app.received.at(-1)).toMatchObject({ isSigned: false });
  });

  test('signs as well until the overlap ends', async () => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret });
    const next = new Secret(`whsec_${Buffer.alloc(32, 5).toString('base64')}`);
    await registry().rotate(id, next, 3600_000);
    await connect('alice');
    await settled();
    const signatures = () => String(app.received.at(-1)?.headers['webhook-signature']).split(' ');
    expect(app.received).toMatchObject([{ isSigned: true }]);
    expect(signatures()).toHaveLength(2);
    bed.clock.advance(3601);
    await connect('bob');
    await settled();
    expect(app.received.at(-1)).toMatchObject({ isSigned: false });
    expect(signatures()).toHaveLength(1);
    expect(await audited('webhook.rotate')).toMatchObject([{ actor: 'operator', outcome: 'ok' }]);
    // What is stored and logged shows neither.
    const stored = JSON.stringify(await bed.sql('SELECT * FROM webhooks'));
    for (const secret of [app.secret, next.reveal()]) {
      expect(stored + bed.log()).not.toContain(secret.slice('whsec_'.length));
    }
  });
});

describe('a row of webhooks that was changed outside the broker', () => {
  test.each(
    fewOf(
      [
        ['its address', `url = url || '?'`],
        ['its name', `name = 'other'`],
        ['its types of events', `events = '{}'`],
        ['when it was disabled', `disabled_at = NULL, disabled_reason = NULL`],
      ],
      1,
    ),
  )('gets nothing, with an alarm, where the change was of %s', async (_, change) => {
    const { id } = await bed.webhook({ url: app.url, secret: app.secret, events: ['grant.connected'] });
    if (change.startsWith('disabled_at')) await registry().disable(id);
    // As the trigger would, were it a change by the broker.
    await bed.sql(`UPDATE webhooks SET ${change}, sealed_secrets = sealed_secrets`);
    await connect();
    bed.clock.advance(1);
    await until(() => bed.log().includes(`"kind":"webhook","webhook":"${id}"`));
    expect(app.received).toEqual([]);
    await expect(registry().rotate(id, new Secret(app.secret), 0)).rejects.toMatchObject({
      code: 'integrity_failed',
    });
  });
});

describe('a webhook that accepts nothing', () => {
  /** Attempts until the event is abandoned or the webhook is disabled. */
  const fail = async (hours: number) => {
    for (let hour = 0; hour < hours; hour++) {
      const before = app.received.length;
      const [event] = await outbox();
      if (event?.['abandoned_at']) return;
      const due = event?.['next_attempt_at'] as Date;
      bed.clock.advance(Math.max(1, (due.getTime() - bed.clock.now().getTime()) / 1000 + 1));
      app.respondWith(503);
      await until(() => app.received.length > before);
      await until(
        async () =>
          (await outbox())[0]?.['attempts'] !== event?.['attempts'] ||
          Boolean((await outbox())[0]?.['abandoned_at']),
      );
    }
  };

  exhaustive.test(
    'is disabled after days, with a metric, an audit event and a log line; what comes meanwhile is kept',
    async () => {
      const { id, name } = await bed.webhook({ url: app.url, secret: app.secret });
      expect(await receivers('enabled')).toBe(1);
      await connect('alice');
      await fail(12);
      await until(
        async () => (await bed.sql('SELECT 1 FROM webhooks WHERE disabled_at IS NOT NULL')).length === 1,
      );
      expect(await outbox()).toMatchObject([{ abandoned_at: expect.any(Date) }]);
      expect(await receivers('auto_disabled')).toBe(1);
      expect(await audited('webhook.disable')).toMatchObject([
        {
          actor: 'broker',
          outcome: 'ok',
          details: { webhook: name, reason: 'failing', failing_since: expect.any(String) },
        },
      ]);
      expect(bed.log()).toContain('a webhook is disabled');

      app.clear();
      await connect('bob');
      expect((await outbox()).at(-1)).toMatchObject({
        abandoned_at: expect.any(Date),
        last_error: 'disabled',
      });
      await registry().enable(id);
      await bed.sql(
        `UPDATE outbox_events SET abandoned_at = NULL, next_attempt_at = created_at WHERE last_error = 'disabled'`,
      );
      await settled();
      expect(typesAt(app)).toContain('grant.connected bob');
      expect(await bed.sql('SELECT disabled_at, failing_since FROM webhooks')).toEqual([
        { disabled_at: null, failing_since: null },
      ]);
    },
  );

  exhaustive.test(
    'is not disabled by one failure long after another, and not once it accepted something',
    async () => {
      await bed.webhook({ url: app.url, secret: app.secret });
      await bed.sql(`UPDATE webhooks SET failing_since = $1`, [
        new Date(bed.clock.now().getTime() - 10 * DAY * 1000),
      ]);
      app.respondWith(503);
      await connect('alice');
      bed.clock.advance(1);
      await until(async () => (await outbox())[0]?.['attempts'] === 1);
      expect(await bed.sql('SELECT disabled_at FROM webhooks')).toEqual([{ disabled_at: null }]);
      bed.clock.advance(6);
      await settled();
      expect(await bed.sql('SELECT failing_since FROM webhooks')).toEqual([{ failing_since: null }]);
    },
  );
});

describe('a webhook that does not answer', () => {
  const hang = () => {
    app.respondWith(...Array.from({ length: 100 }, () => 'no_response' as const));
  };
  const pile = (count: number) =>
    bed.sql(
      `INSERT INTO outbox_events (sequence, id, webhook_id, type, payload, created_at, next_attempt_at)
       SELECT n, 'msg_' || n, (SELECT id FROM webhooks), 'grant.connected', $2::json, $3::timestamptz, $3 FROM generate_series(1, $1::int) AS n`,
      [count, '{"timestamp":"2026-01-01T00:00:00.000Z","data":{}}', bed.clock.now()],
    );
  test('gets one event after a pause, and all once it answers', async () => {
    await bed.webhook({ url: app.url, secret: app.secret });
    hang();
    await pile(25);
    await app.wait(1);
    await bed.app.get(DeliverEvents).ended();
    await bed.app.get(Scheduler).runNow('deliver webhooks');
    await bed.app.get(DeliverEvents).ended();
    // On a slow machine the pause of five seconds may have ended.
    expect(app.received.length).toBeLessThan(5);
    bed.clock.advance(61);
    await until(async () => (await outbox()).filter((row) => row['attempts'] === 1).length > 1);
    app.clear();
    await settled();
    expect(new Set(app.received.map(({ id }) => id)).size).toBe(25);
  });

  test('is disabled after days though more wait than can be tried twice', async () => {
    const { name } = await bed.webhook({ url: app.url, secret: app.secret });
    await bed.sql('UPDATE webhooks SET failing_since = $1', [
      new Date(bed.clock.now().getTime() - 10 * DAY * 1000),
    ]);
    hang();
    await pile(1000);
    await until(async () => {
      bed.clock.advance(20);
      return (await bed.sql('SELECT 1 FROM webhooks WHERE disabled_at IS NOT NULL')).length === 1;
    });
    expect(app.received.length).toBeGreaterThan(10);
    expect(await audited('webhook.disable')).toMatchObject([
      { actor: 'broker', details: { webhook: name, reason: 'failing' } },
    ]);
    const tried = await bed.sql('SELECT max(attempts) AS most FROM outbox_events');
    expect(tried).toEqual([{ most: 1 }]);
    await until(async () => (await outbox()).every((row) => row['last_error'] === 'disabled'));
  });
});

describe('what an operator asks of a webhook', () => {
  test.each(
    fewOf([
      ['an address without a scheme', { url: 'app.example.com/hooks' }, 'url'],
      ['an address with a password', { url: 'https://a:b@app.example.com/' }, 'url'],
      ['a type that there is not', { events: ['grant.gone'] }, 'events'],
      ['a service that there is not', { services: ['unknown'] }, 'services'],
      ['a name with a slash', { name: 'a/b' }, 'name'],
    ]),
  )('is refused with %s', async (_, changes, field) => {
    const created = bed.webhook({ url: app.url, ...changes });
    await expect(created).rejects.toMatchObject({
      code: 'invalid_request',
      extensions: { errors: expect.any(Object) },
    });
    await expect(created).rejects.toHaveProperty(['extensions', 'errors', field]);
  });

  test('is refused with a name that is taken', async () => {
    await bed.webhook({ name: 'app', url: app.url });
    await expect(bed.webhook({ name: 'app', url: app.url })).rejects.toMatchObject({
      extensions: { taken: 'name' },
    });
  });
});
