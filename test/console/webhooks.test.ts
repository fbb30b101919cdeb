/** The pages of webhooks and of the audit trail. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { AuditEventsRepository } from '../../src/token-store/audit/audit-events.repository.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { exhaustive } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { ConsoleBrowser } from './console-browser.js';

const ACTOR = `console:${ALICE.email}`;
let bed: TestBed;
let receiver: Receiver;
let operator: ConsoleBrowser;
let viewer: ConsoleBrowser;
let webhook: string;
beforeAll(async () => {
  receiver = await startReceiver(() => new Date());
  bed = await startTestBed({
    CONSOLE_OPERATORS: ALICE.email,
    CONSOLE_VIEWERS: BOB.email,
  });
  webhook = (await bed.webhook({ name: 'app', url: receiver.url, secret: receiver.secret })).id;
  operator = new ConsoleBrowser(bed.url);
  viewer = new ConsoleBrowser(bed.url);
  await operator.signIn(ALICE.email);
  await viewer.signIn(BOB.email);
});
beforeEach(async () => {
  await bed.app.get(AuditLog).flush();
  await bed.reset();
  receiver.clear();
});
afterAll(async () => {
  await bed.stop();
  await receiver.close();
});

const delivered = () =>
  until(async () => (await bed.sql('SELECT 1 FROM outbox_events WHERE delivered_at IS NULL')).length === 0);

async function audited(action: string) {
  await bed.app.get(AuditLog).flush();
  return bed.sql('SELECT actor, outcome FROM audit_trail WHERE action = $1 ORDER BY sequence', [action]);
}

describe('the page of webhooks', () => {
  test('shows an event, and sends it again', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    const [first] = await receiver.wait(1);
    await delivered();
    const list = await operator.get('/console/webhooks?state=delivered');
    expect(list.text).toContain('grant.connected');
    expect(list.text).toContain('<span class="badge good">delivered</span>');
    const path = `/console/webhooks/${first?.id ?? ''}/replay`;
    expect((await viewer.get('/console/webhooks')).text).not.toContain(path);
    const { location } = await operator.submit(list, path);
    expect((await operator.get(location ?? '')).text).toContain('One event is due now.');
    const received = await receiver.wait(2);
    expect(received.map(({ id }) => id)).toEqual([first?.id, first?.id]);
    expect(await audited('webhook.replay')).toEqual([{ actor: ACTOR, outcome: 'ok' }]);
  });

  exhaustive.test('sends all again that were abandoned', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await receiver.wait(1);
    await delivered();
    const path = '/console/webhooks/replay';
    const none = await operator.get('/console/webhooks?state=abandoned');
    expect(none.text).toContain('There are no such events.');
    await bed.sql(
      `UPDATE outbox_events SET delivered_at = NULL, abandoned_at = now(), last_error = 'http_500'`,
    );
    const list = await operator.get('/console/webhooks?state=abandoned');
    expect(list.text).toContain('<code>http_500</code>');
    expect((await operator.submit(list, path)).location?.search).toBe('?done=replayed&detail=1');
    await receiver.wait(2);
    expect((await operator.submit(list, path, { state: 'delivered' })).status).toBe(400);
  });

  test('sends a test event, and says what the receiver answered', async () => {
    const path = `/console/webhooks/receivers/${webhook}/test`;
    const page = await operator.get('/console/webhooks');
    const accepted = await operator.submit(page, path);
    const said = await operator.get(accepted.location ?? '');
    expect(said.text).toMatch(/accepted the test event, after \d+ ms/);
    receiver.respondWith(503);
    const refused = await operator.submit(page, path);
    expect((await operator.get(refused.location ?? '')).text).toContain('<code>http_503</code>');
    expect(receiver.received.map(({ type }) => type)).toEqual(['webhook.test', 'webhook.test']);
    // The receiver may be of another company: who the person is, only the audit trail says.
    for (const { data, text } of receiver.received) {
      expect(data).toEqual({ sent_by: 'operator' });
      expect(text).not.toContain(ACTOR.slice('console:'.length));
    }
    expect(await audited('webhook.test')).toEqual([
      { actor: ACTOR, outcome: 'ok' },
      { actor: ACTOR, outcome: 'http_503' },
    ]);
  });

  test('shows each webhook, and an operator disables and enables it', async () => {
    const path = (act: string) => `/console/webhooks/receivers/${webhook}/${act}`;
    const page = await operator.get('/console/webhooks');
    expect(page.text).toContain(new URL(receiver.url).origin);
    expect(page.text).toContain('<span class="badge good">enabled</span>');
    expect((await viewer.get('/console/webhooks')).text).not.toContain(path('disable'));
    await operator.submit(page, path('disable'));
    const disabled = await operator.get('/console/webhooks');
    expect(disabled.text).toContain('<span class="badge plain">disabled</span>');
    expect(await bed.sql('SELECT disabled_reason FROM webhooks')).toEqual([{ disabled_reason: 'operator' }]);
    await operator.submit(disabled, path('enable'));
    expect(await bed.sql('SELECT disabled_at FROM webhooks')).toEqual([{ disabled_at: null }]);
    expect(await audited('webhook.disable')).toEqual([{ actor: ACTOR, outcome: 'ok' }]);
    expect(await audited('webhook.enable')).toEqual([{ actor: ACTOR, outcome: 'ok' }]);
  });

  test('shows nothing that an address made up', async () => {
    const { text } = await operator.get('/console/webhooks?done=refused&detail=call+me');
    expect(text).not.toContain('call me');
  });

  test('refuses a filter that it does not know', async () => {
    for (const query of ['state=lost', 'since=yesterday', 'until=2026-13-01'])
      expect((await operator.get(`/console/webhooks?${query}`)).status).toBe(400);
  });
});

describe('the page of the audit trail', () => {
  test('finds events by user and action, and shows who acted', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    const { status, text } = await viewer.get('/console/audit?user=alice&action=connect.consent');
    expect(status).toBe(200);
    expect(text).toContain('<code>connect.consent</code>');
    expect(text).toContain('<a href="/console/users/alice">alice</a>');
    expect(text).not.toContain('/console/users/bob');
    expect(text).toContain('href="/console/audit.csv?user=alice&amp;action=connect.consent"');
    const none = await viewer.get('/console/audit?user=alice&until=2020-01-01');
    expect(none.text).toContain('There are no such events on this page.');
    expect((await viewer.get('/console/audit?service=unknown')).status).toBe(400);
    expect((await viewer.get('/console/audit?action=grant.eat')).status).toBe(400);
  });

  test('is a CSV file as a whole', async () => {
    const events = 1201;
    await bed.sql(
      `INSERT INTO audit_trail (id, at, action, outcome, actor, user_id, details, last_at, count)
       SELECT gen_random_uuid(), now() - n * interval '1 second', 'grant.import', 'ok', '=1+1', 'many', '{}', now(), 1
       FROM generate_series(1, $1::int) AS n`,
      [events],
    );
    const { status, headers, text } = await viewer.get('/console/audit.csv?user=many');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="audit-\d{4}-\d\d-\d\d\.csv"$/);
    const lines = text.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^at,action,outcome,actor/);
    expect(lines).toHaveLength(events + 1);
    expect(lines[1]).toContain(",'=1+1,");
    const first = await viewer.get('/console/audit?user=many');
    const next = /href="([^"]*)" rel="next"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    expect((await viewer.get(next)).status).toBe(200);
  });

  test('is not read where only the headers of the file are asked for', async () => {
    await bed.sql(
      `INSERT INTO audit_trail (id, at, action, outcome, actor, user_id, details, last_at, count)
       SELECT gen_random_uuid(), now() - n * interval '1 second', 'grant.import', 'ok', 'x', 'heads', '{}', now(), 1
       FROM generate_series(1, 501) AS n`,
    );
    const find = jest.spyOn(bed.app.get(AuditEventsRepository), 'find');
    try {
      const { status, headers, text } = await viewer.head('/console/audit.csv?user=heads');
      expect([status, text]).toEqual([200, '']);
      expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(headers.get('content-disposition')).toContain('.csv"');
      expect((await viewer.get('/console/audit.csv?user=heads')).text.split('\r\n')).toHaveLength(503);
      // Two pages, for the second request.
      expect(find).toHaveBeenCalledTimes(2);
    } finally {
      find.mockRestore();
    }
  });

  test('is behind the sign-in, as a file too', async () => {
    const { status, location } = await new ConsoleBrowser(bed.url).get('/console/audit.csv');
    expect(status).toBe(303);
    expect(location?.pathname).toBe('/console/sign-in');
  });
});
