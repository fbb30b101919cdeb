import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ApiResponse, type Api, Browser } from '../support/api.js';
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
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const FIVE_MINUTES = 300;

describe('a token that Google refused', () => {
  let bed: TestBed;
  let receiver: Receiver;
  let auditor: Api;
  beforeAll(async () => {
    receiver = await startReceiver(() => bed.clock.now());
    bed = await startTestBed();
    await bed.webhook({ url: receiver.url, secret: receiver.secret });
    auditor = await bed.service({ audit: true });
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    await bed.api.connect(
      { user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
      { account: ALICE.email },
    );
    bed.google.control.clearRequests();
  });
  afterAll(async () => {
    await bed.stop();
    await receiver.close();
  });

  const refreshes = () => bed.google.control.count('token', 'refresh_token');
  const tokenOf = ({ body }: ApiResponse) => body['access_token'] as string;
  const idOf = ({ body }: ApiResponse) => body['token_id'] as string;
  const refuse = (refused: ApiResponse, api = bed.api) => api.token('alice', { refused: idOf(refused) });
  const trail = async () => {
    const { body } = await auditor.get('/audit', { user: 'alice' });
    return body['events'] as { action: string; outcome: string; details: Record<string, unknown> }[];
  };
  const statusOfGrant = async () => (await bed.sql('SELECT status FROM grants'))[0]?.['status'];
  /** Google's token endpoint issues a token that no API of Google's accepts. */
  const issueDeadTokens = () => {
    bed.google.control.overrideTokenResponse({ access_token: 'ya29.dead-on-arrival' });
  };

  /** Google refuses it when it is asked, as it refuses one that has expired. */
  const issueShortTokenOnce = () => {
    bed.google.control.overrideTokenResponse({ access_token: 'ya29.short-lived', expires_in: 60 }, 1);
  };

  test('is named by the start of its digest, from the database, from the cache and after a refresh', async () => {
    const first = await bed.api.token('alice');
    const cached = await bed.api.token('alice');
    bed.clock.advance(3600);
    const refreshed = await bed.api.token('alice');
    for (const response of [first, cached, refreshed]) {
      expect([response.status, response.text]).toEqual([200, expect.any(String)]);
      const digest = createHash('sha256').update(tokenOf(response)).digest('hex');
      expect(idOf(response)).toBe(digest.slice(0, 16));
    }
    expect(idOf(refreshed)).not.toBe(idOf(first));
  });

  test('is replaced by one refresh, for all who name it', async () => {
    const first = await bed.api.token('alice');
    bed.google.control.latency('token', 200);
    const responses = await Promise.all(Array.from({ length: 50 }, () => refuse(first)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(responses.map(tokenOf)).size).toBe(1);
    expect(tokenOf(responses[0] as ApiResponse)).not.toBe(tokenOf(first));
    const late = await Promise.all([refuse(first), bed.api.token('alice')]);
    expect(late.map(tokenOf)).toEqual([
      tokenOf(responses[0] as ApiResponse),
      tokenOf(responses[0] as ApiResponse),
    ]);
    expect(refreshes()).toBe(1);
  });

  test('is named in upper case as well', async () => {
    const first = await bed.api.token('alice');
    const second = await bed.api.token('alice', { refused: idOf(first).toUpperCase() });
    expect(tokenOf(second)).not.toBe(tokenOf(first));
  });

  test.each(['', 'refused', '0123456789abcde', '0123456789abcdef0', '0123456789abcdeg'])(
    'is not named by “%s”',
    async (refused) => {
      const { status, body } = await bed.api.token('alice', { refused });
      expect([status, body['code']]).toEqual([400, 'invalid_request']);
      expect(body['errors']).toHaveProperty('refused');
      expect(refreshes()).toBe(0);
    },
  );

  test('is not refreshed where the broker holds another one', async () => {
    const first = await bed.api.token('alice');
    const response = await bed.api.token('alice', { refused: '0123456789abcdef' });
    expect(tokenOf(response)).toBe(tokenOf(first));
    expect(refreshes()).toBe(0);
  });

  test('is replaced only for a service that would get it', async () => {
    const narrow = await bed.service({ scopes: [YOUTUBE] });
    const wide = await bed.api.token('alice');
    const own = await narrow.token('alice');
    expect(tokenOf(await refuse(wide, narrow))).toBe(tokenOf(own));
    expect(tokenOf(await bed.api.token('alice'))).toBe(tokenOf(wide));
    expect(refreshes()).toBe(1);
  });

  test('is not served again from a response that was cached under the same URL', async () => {
    const first = await bed.api.token('alice');
    const second = await refuse(first);
    bed.clock.advance(FIVE_MINUTES + 1);
    const third = await refuse(second);
    for (let call = 0; call < 3; call++) {
      expect(tokenOf(await refuse(first))).toBe(tokenOf(third));
      expect(tokenOf(await refuse(second))).toBe(tokenOf(third));
    }
    expect(new Set([first, second, third].map(tokenOf)).size).toBe(3);
  });

  test('is not handed out where Google gives no other', async () => {
    const first = await bed.api.token('alice');
    bed.google.control.failAlways('token', { status: 503, body: '' });
    const refused = await refuse(first);
    expect([refused.status, refused.body['code']]).toEqual([503, 'google_unavailable']);
    expect(tokenOf(await bed.api.token('alice'))).toBe(tokenOf(first));
    bed.google.control.clearFaults();
    bed.google.control.overrideTokenResponse({ access_token: tokenOf(first) });
    await bed.afterBackoff();
    expect((await refuse(first)).body['code']).toBe('google_unavailable');
  });

  test('ends the grant where Google refuses the refresh, and the link leads through Google', async () => {
    const first = await bed.api.token('alice');
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const dead = await bed.api.token('alice', { refused: idOf(first), return_to: `${APP}/back` });
    expect(dead.body).toMatchObject({
      code: 'reconnect_required',
      cause: 'user_revoked',
      confidence: 'inferred',
    });
    expect((await refuse(first)).body['code']).toBe('reconnect_required');
    expect(refreshes()).toBe(1);
    const back = await new Browser().connect(dead.body['connect_url'] as string, { account: ALICE.email });
    expect(back.headers.get('location')).toBe(`${APP}/back?connect=success`);
    const next = await refuse(first);
    expect(next.status).toBe(200);
    expect(tokenOf(next)).not.toBe(tokenOf(first));
  });

  describe('and whose replacement is refused at once', () => {
    test('stays where Google says that it is valid, and the caller has to wait', async () => {
      const second = await refuse(await bed.api.token('alice'));
      const responses = await Promise.all(Array.from({ length: 20 }, () => refuse(second)));
      for (const { status, body, headers } of responses) {
        expect([status, body['code']]).toEqual([429, 'rate_limited']);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(FIVE_MINUTES - 20);
        expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(FIVE_MINUTES);
      }
      expect([refreshes(), bed.google.control.count('tokeninfo')]).toEqual([1, 1]);
      expect(await statusOfGrant()).toBe('active');
      expect(tokenOf(await bed.api.token('alice'))).toBe(tokenOf(second));

      bed.clock.advance(FIVE_MINUTES + 1);
      const third = await refuse(second);
      expect(tokenOf(third)).not.toBe(tokenOf(second));
      expect((await refuse(third)).status).toBe(429);
      expect(refreshes()).toBe(2);
    });

    test('is known as a replacement after a restart', async () => {
      const second = await refuse(await bed.api.token('alice'));
      await bed.restart();
      expect((await refuse(second)).status).toBe(429);
      expect(refreshes()).toBe(1);
    });

    test('ends the grant where Google refuses it too, as one that the user revoked', async () => {
      const first = await bed.api.token('alice');
      issueDeadTokens();
      const second = await refuse(first);
      expect(second.status).toBe(200);
      const { status, body } = await refuse(second);
      expect(status).toBe(410);
      const diagnosis = { cause: 'user_revoked', confidence: 'inferred', who_must_act: 'user' };
      expect(body).toMatchObject({ code: 'reconnect_required', ...diagnosis });
      expect(await statusOfGrant()).toBe('reconnect_required');
      expect((await bed.api.token('alice')).body).toMatchObject({ code: 'reconnect_required', ...diagnosis });
      const [event] = await bed.sql(
        `SELECT payload FROM outbox_events WHERE type = 'grant.reconnect_required'`,
      );
      expect(event).toMatchObject({ payload: { data: diagnosis } });
      expect(await trail()).toContainEqual(
        expect.objectContaining({
          action: 'token.refresh',
          outcome: 'grant_dead',
          details: { google_error: 'invalid_token', cause: 'user_revoked', confidence: 'inferred' },
        }),
      );

      bed.google.control.overrideTokenResponse(null);
      const link = body['connect_url'] as string;
      const consent = await new Browser().begin(link);
      expect(consent.searchParams.get('prompt')).toBe('consent');
    });

    test('leaves the grant as it is once the replacement has expired', async () => {
      const first = await bed.api.token('alice');
      issueShortTokenOnce();
      const second = await refuse(first);
      expect(second.status).toBe(200);
      bed.clock.advance(61);
      const third = await refuse(second);
      expect([third.status, third.body['code']]).toEqual([200, undefined]);
      expect(tokenOf(third)).not.toBe(tokenOf(second));
      expect(bed.google.control.count('tokeninfo')).toBe(0);
      expect(await statusOfGrant()).toBe('active');
      // It took the place of an expired token, and not of a refused one.
      expect((await refuse(third)).status).toBe(200);
    });

    test('leaves the grant as it is where the replacement expires while Google is asked', async () => {
      const first = await bed.api.token('alice');
      issueShortTokenOnce();
      const second = await refuse(first);
      bed.google.control.latency('tokeninfo', 500);
      const asked = refuse(second);
      await until(() => bed.google.control.count('tokeninfo') === 1);
      bed.clock.advance(61);
      const third = await asked;
      expect([third.status, third.body['code']]).toEqual([200, undefined]);
      expect(await statusOfGrant()).toBe('active');
    });

    test('stays while Google does not say whether it is valid', async () => {
      const first = await bed.api.token('alice');
      issueDeadTokens();
      const second = await refuse(first);
      for (const fault of [
        { status: 500, body: '' },
        { status: 200, body: '<html>' },
        { status: 400, body: '<html>' },
        { drop: true as const },
      ]) {
        bed.google.control.failNext('tokeninfo', fault);
        expect((await refuse(second)).body['code']).toBe('google_unavailable');
        expect(await statusOfGrant()).toBe('active');
        bed.clock.advance(2);
      }
      expect((await refuse(second)).status).toBe(410);
    });
  });

  test('is in the audit trail with the call that names it and with the refresh', async () => {
    const first = await bed.api.token('alice');
    await refuse(first);
    const refused = (await trail()).filter(({ details }) => details['refused'] === idOf(first));
    const facts = refused.map(({ action, outcome }) => `${action} ${outcome}`).toSorted();
    expect(facts).toEqual(['token.issue ok', 'token.refresh ok']);
  });
});

describe('return_to', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  });
  afterAll(() => bed.stop());

  test('is where the link of a refusal leads in the end, by its URL', async () => {
    for (const page of ['one', 'other']) {
      for (let call = 0; call < 2; call++) {
        const query = { scope: YOUTUBE, return_to: `${APP}/${page}` };
        const { status, body } = await bed.api.token(`user-${page}`, query);
        expect(status).toBe(404);
        if (call === 0) continue;
        const back = await new Browser().connect(body['connect_url'] as string, { account: ALICE.email });
        expect(back.headers.get('location')).toBe(`${APP}/${page}?connect=success`);
      }
    }
  });

  test.each([
    [
      'https://elsewhere.example.com/',
      'must begin with one of the origins in the setting RETURN_TO_ORIGINS.',
    ],
    [`${APP}.example.com/`, 'must begin with one of the origins in the setting RETURN_TO_ORIGINS.'],
    ['//app.example.com/', 'must be an http or https URL without a user name, spaces or backslashes.'],
    [
      'https://app.example.com@elsewhere.example.com/',
      'must be an http or https URL without a user name, spaces or backslashes.',
    ],
    ['javascript:alert(1)', 'must be an http or https URL without a user name, spaces or backslashes.'],
    ['', 'must be an http or https URL without a user name, spaces or backslashes.'],
  ])('is refused as it is in a ticket where it is %s', async (url, message) => {
    const ticket = await bed.api.post('/connect/tickets', {
      user_id: 'alice',
      scope: YOUTUBE,
      return_to: url,
    });
    // Also where no link would be needed.
    const token = await bed.api.token('alice', { return_to: url });
    for (const { status, body } of [ticket, token]) {
      expect([status, body['errors']]).toEqual([400, { return_to: message }]);
    }
  });

  test('leaves the scopes of the link as those that are missing', async () => {
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: ALICE.email });
    const { body } = await bed.api.token('bob', { scope: `${YOUTUBE} ${ADS}`, return_to: `${APP}/` });
    expect(body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
    const consent = await new Browser().begin(body['connect_url'] as string);
    const scopes = consent.searchParams.get('scope')?.split(' ');
    expect(scopes).toContain(ADS);
    expect(scopes).not.toContain(YOUTUBE);
    expect(consent.searchParams.get('include_granted_scopes')).toBe('true');
  });

  test('refuses another account than the one of the grant, for which the scopes are missing', async () => {
    await bed.api.connect({ user_id: 'erin', scope: YOUTUBE }, { account: ALICE.email });
    const { body } = await bed.api.token('erin', { scope: ADS, return_to: `${APP}/` });
    const browser = new Browser();
    const consent = await browser.begin(body['connect_url'] as string);
    consent.searchParams.delete('login_hint');
    const page = await browser.open(await visitConsent(consent, { account: BOB.email }));
    expect(page.text).toContain('connect_error=wrong_account');
    expect((await bed.api.token('erin')).status).toBe(200);
  });
});
