/** Why a connect failed is in the log, in the audit trail and in a metric, with its cause and the id of its call. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ApiResponse, Browser } from '../support/api.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { type Choice, visitConsent } from '../support/visit-consent.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Metrics } from '../../src/operations/metrics.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';

const LIMIT = 3;
/** They belong to no connect: counted and logged, but not in the audit trail. */
const ABOUT_NOBODY = new Set([
  'ticket_missing',
  'ticket_invalid',
  'state_missing',
  'state_unknown',
  'malformed_response',
]);

describe('a connect that fails', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed({ SLOT_LIMIT: String(LIMIT), GOOGLE_TIMEOUT_MS: '4000' });
  });
  beforeEach(async () => {
    ticket = { user_id: `alice-${randomUUID()}`, scope: YOUTUBE };
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  // Alike refusals share a row of the audit trail, so each test has a user of its own.
  let ticket = { user_id: '', scope: YOUTUBE };
  const begin = async (more: Record<string, unknown> = {}) => {
    const browser = new Browser();
    return { browser, consent: await browser.begin(await bed.api.connectUrl({ ...ticket, ...more })) };
  };
  const consentTo = async (
    more: Record<string, unknown> = {},
    choice: Partial<Choice> = {},
    change: (url: URL) => void = () => undefined,
  ) => {
    const { browser, consent } = await begin(more);
    change(consent);
    return browser.open(await visitConsent(consent, { account: ALICE.email, ...choice }));
  };
  const backWith = async (change: (url: URL) => void, browserOf?: () => Browser) => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    change(back);
    return (browserOf?.() ?? browser).open(back);
  };
  const stay = () => undefined;
  const failing = (fault: object, endpoint: 'token' | 'certs' = 'token') => {
    bed.google.control.failAlways(endpoint, fault as never);
    return consentTo();
  };

  const exits: [string, string, string, () => Promise<ApiResponse>, string?][] = [
    ['refused', 'ticket_missing', 'page', () => new Browser().open(`${bed.url}/connect`)],
    ['refused', 'ticket_invalid', 'page', () => new Browser().open(`${bed.url}/connect?ticket=abc`)],
    [
      'refused',
      'ticket_expired',
      'page',
      async () => {
        const url = await bed.api.connectUrl(ticket);
        bed.clock.advance(31 * 60);
        return new Browser().open(url);
      },
    ],
    [
      'refused',
      'ticket_used',
      'page',
      async () => {
        const url = await bed.api.connectUrl(ticket);
        await new Browser().begin(url);
        return new Browser().open(url);
      },
    ],
    [
      'refused',
      'ticket_used',
      'button',
      async () => {
        const url = await bed.api.connectUrl(ticket);
        await new Browser().begin(url);
        const payload = new URL(url).searchParams.get('ticket') ?? '';
        return new Browser().submit(new URL('/connect', url), { ticket: payload });
      },
    ],
    ['refused', 'state_missing', 'callback', () => new Browser().open(`${bed.url}/callback`)],
    [
      'refused',
      'state_unknown',
      'callback',
      () => new Browser().open(`${bed.url}/callback?state=${'a'.repeat(43)}`),
    ],
    [
      'refused',
      'malformed_response',
      'callback',
      () => new Browser().open(`${bed.url}/callback?state=a&state=b`),
    ],
    ['refused', 'other_browser', 'callback', () => backWith(stay, () => new Browser())],
    [
      'refused',
      'wrong_issuer',
      'callback',
      () =>
        backWith((url) => {
          url.searchParams.set('iss', 'https://evil.example');
        }),
    ],
    [
      'expired',
      'state_expired',
      'callback',
      () =>
        backWith(() => {
          bed.clock.advance(31 * 60);
        }),
    ],
    [
      'denied',
      'user_cancelled',
      'button',
      async () => {
        const url = await bed.api.connectUrl(ticket);
        const fields = { ticket: new URL(url).searchParams.get('ticket') ?? '', cancel: 'yes' };
        return new Browser().submit(new URL('/connect', url), fields);
      },
    ],
    [
      'cancelled',
      'ticket_cancelled',
      'service',
      async () => {
        const { id } = await bed.api.ticket(ticket);
        return bed.api.delete(`/connect/tickets/${id}`);
      },
    ],
    [
      'failed',
      'code_missing',
      'callback',
      () =>
        backWith((url) => {
          url.searchParams.delete('code');
        }),
    ],
    ['denied', 'access_denied', 'callback', () => consentTo({}, { deny: true })],
    [
      'failed',
      'server_error',
      'callback',
      () =>
        backWith((url) => {
          url.searchParams.set('error', 'server_error');
          url.searchParams.set('error_subtype', 'overload');
        }),
      'server_error',
    ],
    [
      'failed',
      'other_google_error',
      'callback',
      () =>
        backWith((url) => {
          url.searchParams.set('error', `x${'y'.repeat(200)}`);
        }),
      'unknown_error',
    ],
    ['failed', 'invalid_grant', 'exchange', () => failing({ named: 'malformed_auth_code' }), 'invalid_grant'],
    [
      'failed',
      'invalid_client',
      'exchange',
      () => failing({ named: 'invalid_client_secret' }),
      'invalid_client',
    ],
    [
      'failed',
      'admin_policy_enforced',
      'exchange',
      () => failing({ named: 'admin_policy_enforced' }),
      'admin_policy_enforced',
    ],
    ['failed', 'http_error', 'exchange', () => failing({ status: 503, body: 'busy' }), 'http_503'],
    [
      'failed',
      'http_error',
      'exchange',
      () => failing({ status: 400, body: { error: `made\u001b[31m\nup`, error_description: 'x' } }),
      'http_400',
    ],
    ['failed', 'connection_lost', 'exchange', () => failing({ drop: true }), 'connection_lost'],
    ['failed', 'timeout', 'exchange', () => failing({ delayMs: 5000 }), 'timeout'],
    [
      'failed',
      'id_token_nonce',
      'id_token',
      () =>
        consentTo({}, {}, (url) => {
          url.searchParams.set('nonce', 'of-another-user');
        }),
      'invalid_id_token',
    ],
    [
      'failed',
      'id_token_missing',
      'id_token',
      () => {
        bed.google.control.overrideTokenResponse({ id_token: null });
        return consentTo();
      },
      'invalid_response',
    ],
    [
      'failed',
      'id_token_malformed',
      'id_token',
      () => {
        bed.google.control.overrideTokenResponse({ id_token: 'a.b.c' });
        return consentTo();
      },
      'invalid_id_token',
    ],
    [
      'failed',
      'wrong_account',
      'account',
      () =>
        consentTo({ require_account: { email: BOB.email } }, {}, (url) => {
          url.searchParams.delete('login_hint');
        }),
    ],
    [
      'failed',
      'no_refresh_token',
      'account',
      () => {
        bed.google.control.overrideTokenResponse({ refresh_token: null });
        return consentTo();
      },
    ],
    [
      'partial',
      'scopes_unticked',
      'account',
      () => consentTo({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` }, { untick: [YOUTUBE_MONEY] }),
    ],
    [
      'refused',
      'slots_full',
      'button',
      async () => {
        for (let user = 0; user < LIMIT; user++)
          await bed.api.connect(
            { user_id: `u${user}`, scope: YOUTUBE, force: true },
            { account: ALICE.email },
          );
        const url = await bed.api.connectUrl({ ...ticket, require_account: { email: ALICE.email } });
        const payload = new URL(url).searchParams.get('ticket') ?? '';
        return new Browser().submit(new URL('/connect', url), { ticket: payload });
      },
    ],
    [
      'failed',
      'slots_full',
      'callback',
      async () => {
        for (let user = 0; user < LIMIT; user++)
          await bed.api.connect(
            { user_id: `u${user}`, scope: YOUTUBE, force: true },
            { account: ALICE.email },
          );
        return consentTo();
      },
    ],
  ];

  test.each(fewOf(exits, 8))('is %s with the cause %s at the %s', async (...exit) => {
    // Not as five parameters: Jest takes one that a row lacks for its callback.
    const [outcome, cause, , leave, googleError] = exit;
    const countOf = async () => {
      // Not over HTTP, where an answer may be a second old.
      const text = await bed.app.get(Metrics).registry.metrics();
      const [, count] =
        new RegExp(
          `^token_broker_connects_total\\{outcome="${outcome}",cause="${cause}"\\} (\\d+)`,
          'm',
        ).exec(text) ?? [];
      return Number(count ?? 0);
    };
    const before = await countOf();
    const logged = bed.log().length;
    await leave();
    expect(await countOf()).toBe(before + 1);
    const lines = bed
      .log()
      .slice(logged)
      .split('\n')
      .filter((line) => line.includes('"context":"Connect"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // The job that ends tickets may write a line with the same cause.
    const line = lines.find((each) => each['cause'] === cause && each['outcome'] === outcome);
    expect(line).toMatchObject({ outcome, cause, request_id: expect.stringMatching(/^[\w-]{36}$/) });
    if (googleError !== undefined) expect(line).toMatchObject({ google_error: googleError });
    if (ABOUT_NOBODY.has(cause)) return;
    const event = await eventOf(cause, line?.['request_id']);
    if (googleError !== undefined) expect(event['details']).toMatchObject({ google_error: googleError });
  });

  /** @param requestId of the call; the job that ends tickets may have an event with the same cause */
  const eventOf = async (cause: string, requestId: unknown = null) => {
    await bed.app.get(AuditLog).flush();
    const [row] = await bed.sql(
      "SELECT * FROM audit_trail WHERE details->>'cause' = $1 AND user_id = $2 AND request_id = coalesce($3, request_id)",
      [cause, ticket.user_id, requestId],
    );
    if (row) return row;
    throw new Error(`No event with the cause ${cause}.`);
  };

  test('says why where a completion is refused', async () => {
    await bed.api.post('/connect/completions', { code: 'A'.repeat(43), user_id: ticket.user_id });
    expect((await eventOf('code_unknown'))['action']).toBe('connect.completion');
    const response = await consentTo({ confirm: true, return_to: `${APP}/done` });
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const other = `bob-${randomUUID()}`;
    await bed.api.post('/connect/completions', { code, user_id: other });
    ticket = { ...ticket, user_id: other };
    expect((await eventOf('wrong_user'))['outcome']).toBe('not_allowed');
  });

  exhaustive.test('lets strangers neither fill the audit trail nor make labels', async () => {
    for (let time = 0; time < 40; time++) {
      await new Browser().open(
        `${bed.url}/callback?state=${String(time).padStart(43, 'x')}&error=made_up_${time}`,
      );
    }
    await bed.app.get(AuditLog).flush();
    expect(
      await bed.sql("SELECT * FROM audit_trail WHERE user_id IS NULL AND action LIKE 'connect.%'"),
    ).toEqual([]);
    expect(await bed.app.get(Metrics).registry.metrics()).not.toContain('made_up');
  });
});
