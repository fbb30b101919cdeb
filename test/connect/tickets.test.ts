/** Connect tickets as rows: their links, their states, waiting for the outcome, taking one back, and what a writer of rows cannot. */
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TicketWatch } from '../../src/connect-tickets/ticket-watch.js';
import { Metrics } from '../../src/operations/metrics.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { type Api, Browser } from '../support/api.js';
import {
  ADS,
  ALICE,
  APP,
  BOB,
  startTestBed,
  type TestBed,
  YOUTUBE,
  YOUTUBE_MONEY,
} from '../support/test-bed.js';
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';
import { exhaustive } from '../support/exhaustive.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ GOOGLE_TIMEOUT_MS: '8000' });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

const TICKET = { user_id: 'alice', scope: YOUTUBE };
const status = async (id: string, query: Record<string, string> = {}, api: Api = bed.api) =>
  (await api.get(`/connect/tickets/${id}`, query)).body;
const stateOf = async (id: string) => (await status(id))['state'];
const grants = () => bed.sql('SELECT * FROM grants');
const watch = () => bed.app.get(TicketWatch);

describe('a connect ticket', () => {
  test('has an id and a link of at most 120 characters, however much it asks for', async () => {
    const scope = Array.from({ length: 30 }, (_, at) => `${YOUTUBE}.${'a'.repeat(40)}${at}`).join(' ');
    const { status: code, body } = await bed.api.post('/connect/tickets', {
      ...TICKET,
      scope,
      return_to: `${APP}/${'a'.repeat(1000)}`,
    });
    expect(code).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[a-z0-9]{12}$/),
      connect_url: expect.stringMatching(/\/connect\?ticket=ct_[a-z0-9]{12}_[\w-]{22}$/),
      expires_at: expect.any(String),
    });
    expect(String(body['connect_url']).length).toBeLessThanOrEqual(120);
  });

  test('keeps neither the secret of its link nor the key of a browser in its row', async () => {
    const { url } = await bed.api.ticket(TICKET);
    const browser = new Browser();
    await browser.begin(url);
    const [row] = await bed.sql('SELECT t::text AS row FROM connect_tickets t');
    const secret = new URL(url).searchParams.get('ticket')?.replace(/^ct_[a-z0-9]+_/, '') ?? '';
    expect(secret).toHaveLength(22);
    for (const value of [secret, ...browser.cookies.values()]) {
      expect(String(row?.['row'])).not.toContain(value);
      expect(String(row?.['row'])).not.toContain(Buffer.from(value).toString('hex'));
    }
  });

  test.each([
    ['with another secret', (url: string) => `${url.slice(0, -3)}AAA`],
    ['with another id', (url: string) => url.replace(/ct_\w{3}/, 'ct_aaa')],
    ['without its secret', (url: string) => url.slice(0, -23)],
  ])('is not opened %s', async (_, change) => {
    const { url } = await bed.api.ticket(TICKET);
    const { status: code, text } = await new Browser().open(change(url));
    expect(code).toBe(400);
    expect(text).toContain('This link does not work');
  });

  test('goes from created by way of Google to success, with its grant, account and times', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    expect(await status(id)).toMatchObject({ state: 'created', reason: null, user_id: 'alice' });
    const browser = new Browser();
    // A preview of the link is no opened page.
    await browser.open(url);
    expect(await stateOf(id)).toBe('created');
    await fetch(url, { headers: { accept: 'text/html', 'sec-fetch-dest': 'document' } });
    expect(await stateOf(id)).toBe('opened');
    const consent = await browser.begin(url);
    expect(await stateOf(id)).toBe('at_google');
    await browser.open(await visitConsent(consent, { account: ALICE.email, untick: [YOUTUBE_MONEY] }));
    const [grant] = await grants();
    const ended = await status(id);
    expect(ended).toMatchObject({
      id,
      state: 'partial',
      reason: 'scopes_unticked',
      request_id: expect.any(String),
      grant_id: grant?.['id'],
      account: { sub: ALICE.sub, email: ALICE.email },
      missing_scopes: [YOUTUBE_MONEY],
      instead_of: [],
    });
    const times = ['created_at', 'opened_at', 'started_at', 'ended_at'].map((name) => String(ended[name]));
    expect([...times].sort()).toEqual(times);
    expect(bed.log()).toContain(`"request_id":"${String(ended['request_id'])}"`);
  });

  test.each([
    ['denied', 'access_denied', { deny: true }, {}],
    ['failed', 'wrong_account', {}, { require_account: { email: BOB.email } }],
  ])('ends as %s with the reason %s', async (state, reason, choice, more) => {
    const { id, url } = await bed.api.ticket({ ...TICKET, ...more });
    const browser = new Browser();
    const consent = await browser.begin(url);
    consent.searchParams.delete('login_hint');
    await browser.open(await visitConsent(consent, { account: ALICE.email, ...choice }));
    expect(await status(id)).toMatchObject({ state, reason, grant_id: null });
  });

  test('ends as success without a visit to Google where all is held', async () => {
    await bed.api.connect(TICKET, { account: ALICE.email });
    const { id, url } = await bed.api.ticket(TICKET);
    await new Browser().connectHeld(url);
    const [grant] = await grants();
    expect(await status(id)).toMatchObject({ state: 'success', grant_id: grant?.['id'], reason: null });
  });

  test('waits as pending for the confirmation by the app, and ends with it', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, confirm: true, return_to: `${APP}/done` });
    const response = await new Browser().connect(url, { account: ALICE.email });
    expect(await status(id)).toMatchObject({ state: 'pending', grant_id: null });
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const confirmed = await bed.api.post('/connect/completions', { code, user_id: 'alice' });
    expect(await status(id)).toMatchObject({ state: 'success', grant_id: confirmed.body['grant_id'] });
  });

  test('is unknown to another service', async () => {
    const { id } = await bed.api.ticket(TICKET);
    const other = await bed.service();
    const missing = await bed.api.get('/connect/tickets/aaaaaaaaaaaa');
    for (const response of [
      await other.get(`/connect/tickets/${id}`),
      await other.get(`/connect/tickets/${id}`, { wait: '5' }),
      await other.delete(`/connect/tickets/${id}`),
    ]) {
      expect(response.status).toBe(404);
      expect({ ...response.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' });
    }
    expect(await stateOf(id)).toBe('created');
  });

  test('of a refusal has a row once its button is pressed, and not before', async () => {
    const refused = await bed.api.token('alice', { scope: YOUTUBE });
    const url = String(refused.body['connect_url']);
    const browser = new Browser();
    await browser.open(url);
    expect(await bed.sql('SELECT * FROM connect_tickets')).toHaveLength(0);
    await browser.connect(url, { account: ALICE.email });
    expect(await bed.sql('SELECT state FROM connect_tickets')).toEqual([{ state: 'success' }]);
  });
});

describe('waiting for a ticket', () => {
  const isWaiting = (count: number) => until(() => watch().size === count);

  test('answers when the connect ends', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    const waiting = status(id, { wait: '55' });
    await isWaiting(1);
    await new Browser().connect(url, { account: ALICE.email });
    expect(await waiting).toMatchObject({ state: 'success' });
  });

  test('answers with the next state where the caller says which one it knows', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    expect(await status(id, { wait: '55', state: 'opened' })).toMatchObject({ state: 'created' });
    const waiting = status(id, { wait: '55', state: 'created' });
    await isWaiting(1);
    await new Browser().begin(url);
    expect(await waiting).toMatchObject({ state: 'at_google' });
  });

  test('answers at once for a ticket that has ended', async () => {
    const { id } = await bed.api.ticket(TICKET);
    await bed.api.delete(`/connect/tickets/${id}`);
    expect(await status(id, { wait: '55' })).toMatchObject({ state: 'cancelled' });
  });

  test('is woken by a change of another replica', async () => {
    const { id } = await bed.api.ticket(TICKET);
    const waiting = status(id, { wait: '55' });
    await isWaiting(1);
    // The row as another replica would write it; nothing in this process publishes it.
    await bed.sql('UPDATE connect_tickets SET version = version + 1');
    await isWaiting(0);
    expect(await waiting).toMatchObject({ state: 'created' });
  });

  test('answers that the ticket has expired, once its time is over', async () => {
    const { id } = await bed.api.ticket(TICKET);
    const waiting = status(id, { wait: '55' });
    await isWaiting(1);
    bed.clock.advance(31 * 60);
    expect(await waiting).toMatchObject({ state: 'expired', reason: 'ticket_expired' });
  });

  test.each<[string, string, number, (url: string) => Promise<unknown>]>([
    ['the user is still at Google', 'state_expired', 41 * 60, (url) => new Browser().begin(url)],
    [
      'no server confirmed the consent',
      'not_confirmed',
      11 * 60,
      (url) => new Browser().connect(url, { account: ALICE.email }),
    ],
  ])('answers where %s that it has expired for %s, before a job says so', async (_, reason, seconds, go) => {
    const { id, url } = await bed.api.ticket({ ...TICKET, confirm: true, return_to: `${APP}/done` });
    await go(url);
    bed.clock.advance(seconds);
    expect(await status(id)).toMatchObject({ state: 'expired', reason });
    await until(async () => (await status(id))['ended_at'] !== null);
    expect(await status(id)).toMatchObject({ state: 'expired', reason });
  });

  exhaustive.test('answers after the time that was asked for', async () => {
    const { id } = await bed.api.ticket(TICKET);
    expect(await status(id, { wait: '1' })).toMatchObject({ state: 'created' });
  });

  exhaustive.test(
    'of many callers costs no connection to the database, and a caller that hangs up leaves nothing behind',
    async () => {
      const { id } = await bed.api.ticket(TICKET);
      const calls = Array.from({ length: 200 }, () => {
        const call = request(`${bed.url}/connect/tickets/${id}?wait=55`, {
          headers: { authorization: `Bearer ${bed.api.key}` },
          agent: false,
        });
        call.on('error', () => undefined).end();
        return call;
      });
      await isWaiting(200);
      const [busy] = await bed.sql(
        "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()",
      );
      expect(Number(busy?.['count'])).toBeLessThan(5);
      for (const call of calls) call.destroy();
      await isWaiting(0);
    },
  );

  test.each([['-1'], ['56'], ['x']])('is refused for %s seconds', async (wait) => {
    const { id } = await bed.api.ticket(TICKET);
    expect(await bed.api.get(`/connect/tickets/${id}`, { wait })).toMatchObject({
      status: 400,
      body: { errors: { wait: expect.any(String) } },
    });
  });

  exhaustive.test('is answered by a broker that shuts down', async () => {
    const { id } = await bed.api.ticket(TICKET);
    const waiting = status(id, { wait: '55' });
    await isWaiting(1);
    await bed.restart();
    expect(await waiting).toMatchObject({ state: 'created' });
  });
});

describe('a ticket that its service cancels', () => {
  test('has a link that says so', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    expect((await bed.api.delete(`/connect/tickets/${id}`)).body).toMatchObject({
      state: 'cancelled',
      reason: 'ticket_cancelled',
    });
    const { text } = await new Browser().open(url);
    expect(text).toContain('This link was withdrawn');
    const again = await bed.api.delete(`/connect/tickets/${id}`);
    expect(again).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  });

  test('yields no grant at the callback, without an exchange', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, return_to: `${APP}/done` });
    const browser = new Browser();
    const back = await visitConsent(await browser.begin(url), { account: ALICE.email });
    await bed.api.delete(`/connect/tickets/${id}`);
    expect((await browser.open(back)).headers.get('location')).toBe(`${APP}/done?connect=cancelled`);
    expect(bed.google.control.count('token')).toBe(0);
    expect(await grants()).toHaveLength(0);
  });

  exhaustive.test('yields no grant where it is cancelled while Google answers', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, return_to: `${APP}/done` });
    const browser = new Browser();
    const back = await visitConsent(await browser.begin(url), { account: ALICE.email });
    bed.google.control.latency('token', 700);
    const pending = browser.open(back);
    await until(() => bed.google.control.count('token') > 0);
    await bed.api.delete(`/connect/tickets/${id}`);
    expect((await pending).headers.get('location')).toBe(`${APP}/done?connect=cancelled`);
    expect(await grants()).toHaveLength(0);
    expect(await bed.sql('SELECT * FROM pending_exchanges')).toHaveLength(0);
    // Google counts the token all the same.
    expect(await bed.sql('SELECT * FROM refresh_tokens')).toHaveLength(1);
  });

  test('is not confirmed while its consent waits', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, confirm: true, return_to: `${APP}/done` });
    const response = await new Browser().connect(url, { account: ALICE.email });
    await bed.api.delete(`/connect/tickets/${id}`);
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    expect((await bed.api.post('/connect/completions', { code, user_id: 'alice' })).status).toBe(400);
    expect(await grants()).toHaveLength(0);
  });

  exhaustive.test('stays as it was where the connect had ended', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    await new Browser().connect(url, { account: ALICE.email });
    expect((await bed.api.delete(`/connect/tickets/${id}`)).body).toMatchObject({ state: 'success' });
    expect(await grants()).toHaveLength(1);
  });

  test('is in the audit trail and in the metrics', async () => {
    const { id } = await bed.api.ticket(TICKET);
    await bed.api.delete(`/connect/tickets/${id}`);
    await bed.app.get(AuditLog).flush();
    const [event] = await bed.sql("SELECT * FROM audit_trail WHERE action = 'connect.cancel'");
    expect(event).toMatchObject({ user_id: 'alice', outcome: 'ok', details: { ticket: id } });
    expect(await bed.app.get(Metrics).registry.metrics()).toContain(
      'outcome="cancelled",cause="ticket_cancelled"',
    );
  });
});

describe('a ticket whose user does not finish', () => {
  test.each([
    ['was never opened', 'ticket_expired', false],
    ['did not come back from Google', 'state_expired', true],
  ])('expires with the reason, in log, audit and metrics, where its user %s', async (_, cause, begins) => {
    const { id, url } = await bed.api.ticket(TICKET);
    if (begins) await new Browser().begin(url);
    bed.clock.advance(41 * 60);
    await until(async () => (await bed.sql('SELECT state FROM connect_tickets'))[0]?.['state'] === 'expired');
    const { request_id: requestId } = await status(id);
    await bed.app.get(AuditLog).flush();
    const [event] = await bed.sql("SELECT * FROM audit_trail WHERE outcome = 'expired'");
    expect(event).toMatchObject({ request_id: requestId, details: { cause, ticket: id } });
    expect(bed.log()).toContain(`"cause":"${cause}","request_id":"${String(requestId)}"`);
    expect((await new Browser().open(url)).text).toContain(
      begins ? 'belongs to another browser' : 'older than 30 minutes',
    );
  });

  exhaustive.test('expires also behind a hundred that do not open', async () => {
    for (let each = 0; each < 100; each++) await bed.api.ticket(TICKET);
    await bed.sql(`UPDATE connect_tickets SET sealed_request = 'damaged'`);
    const { id } = await bed.api.ticket(TICKET);
    bed.clock.advance(41 * 60);
    const stored = () => bed.sql('SELECT state FROM connect_tickets WHERE id = $1', [id]);
    await until(async () => (await stored())[0]?.['state'] === 'expired');
  });

  test('is deleted a day later', async () => {
    await new Browser().begin(await bed.api.connectUrl(TICKET));
    bed.clock.advance(26 * 3600);
    await until(async () => (await bed.sql('SELECT 1 FROM connect_tickets')).length === 0);
    await until(async () => (await bed.sql('SELECT 1 FROM authorization_requests')).length === 0);
  });
});

describe('a ticket that was changed in the database', () => {
  const REFUSED = 'This link does not work';
  const alarms = (from: number) => bed.log().slice(from).includes('"kind":"connect_ticket"');

  test.each([
    ['its user', `user_id = 'mallory'`],
    ['its client', `client = 'second'`],
    ['its service', `service_id = 'aaaaaaaaaaaa'`],
    ['its state', `state = 'opened'`],
    ['its time', `expires_at = expires_at + interval '1 day'`],
    ['its secret', `secret_hash = decode('${'00'.repeat(32)}', 'hex')`],
    ['its browser', `browser_hash = decode('${'00'.repeat(32)}', 'hex')`],
    ['its version', 'version = version + 1'],
    [
      'what it asks for',
      `sealed_request = (SELECT sealed_request FROM connect_tickets WHERE user_id = 'bob')`,
    ],
  ])('is refused after a change of %s', async (_, change) => {
    await bed.api.ticket({ user_id: 'bob', scope: ADS });
    const { id, url } = await bed.api.ticket(TICKET);
    const from = bed.log().length;
    await bed.sql(`UPDATE connect_tickets SET ${change} WHERE id = $1`, [id]);
    expect((await new Browser().open(url)).text).toContain(REFUSED);
    expect((await bed.api.get(`/connect/tickets/${id}`)).status).toBe(404);
    expect(alarms(from)).toBe(true);
  });

  test('is not revived by its row from before it was cancelled', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    const [before] = await bed.sql('SELECT to_jsonb(t) AS row FROM connect_tickets t WHERE id = $1', [id]);
    await bed.api.delete(`/connect/tickets/${id}`);
    const from = bed.log().length;
    await bed.sql('DELETE FROM connect_tickets');
    await bed.sql(
      'INSERT INTO connect_tickets SELECT * FROM jsonb_populate_record(NULL::connect_tickets, $1)',
      [before?.['row']],
    );
    expect((await new Browser().open(url)).text).toContain(REFUSED);
    expect(alarms(from)).toBe(true);
  });

  test('yields no grant where it is changed while its user is at Google', async () => {
    const { url } = await bed.api.ticket(TICKET);
    const browser = new Browser();
    const back = await visitConsent(await browser.begin(url), { account: ALICE.email });
    await bed.sql(`UPDATE connect_tickets SET browser_hash = NULL`);
    expect((await browser.open(back)).status).toBe(400);
    expect(bed.google.control.count('token')).toBe(0);
  });

  test('of a refusal is not used again where its row is deleted', async () => {
    const refused = await bed.api.token('alice', { scope: YOUTUBE });
    const url = String(refused.body['connect_url']);
    await new Browser().connect(url, { account: ALICE.email });
    await bed.sql('DELETE FROM connect_tickets');
    const browser = new Browser();
    await browser.open(url);
    const fields = { ticket: new URL(url).searchParams.get('ticket') ?? '' };
    expect((await browser.submit(new URL('/connect', url), fields)).text).toContain('another browser');
  });
});
