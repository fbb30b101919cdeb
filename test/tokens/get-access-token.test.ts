import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ApiResponse, Browser } from '../support/api.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';

describe('GET /tokens/:userId', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const connect = (more: Record<string, unknown> = {}, account = ALICE) =>
    bed.api.connect({ user_id: 'alice', scope: YOUTUBE, ...more }, { account: account.email });
  const refreshes = () => bed.google.control.count('token', 'refresh_token');
  const tokenOf = ({ body }: ApiResponse) => body['access_token'] as string;
  const linkOf = ({ body }: ApiResponse) => body['connect_url'] as string;

  describe('the freshness of a token', () => {
    test('is served from the cache without asking Google', async () => {
      await connect();
      const first = await bed.api.token('alice');
      bed.clock.advance(2800);
      const second = await bed.api.token('alice');
      expect(tokenOf(second)).toBe(tokenOf(first));
      expect(second.body['expires_in']).toBeLessThan(800);
      expect(refreshes()).toBe(0);
    });

    exhaustive.test('near its end still suffices, and one background refresh gets a new token', async () => {
      await connect();
      const first = await bed.api.token('alice');
      bed.clock.advance(3050);
      bed.google.control.latency('token', 1000);
      const near = await Promise.all(Array.from({ length: 20 }, () => bed.api.token('alice')));
      expect(new Set(near.map(tokenOf))).toEqual(new Set([tokenOf(first)]));
      await until(async () => tokenOf(await bed.api.token('alice')) !== tokenOf(first));
      expect(refreshes()).toBe(1);
    });

    test('of half a lifetime decides when Google gives short tokens only', async () => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.overrideTokenResponse({ expires_in: 100 });
      for (let call = 0; call < 10; call++) expect((await bed.api.token('alice')).status).toBe(200);
      expect(refreshes()).toBe(1);
      bed.clock.advance(60);
      expect((await bed.api.token('alice')).body['expires_in']).toBeGreaterThan(90);
      expect(refreshes()).toBe(2);
    });

    test('below min_ttl causes a refresh, by default 300 s before its end', async () => {
      await connect();
      const first = await bed.api.token('alice');
      bed.clock.advance(3599 - 300 + 2);
      const second = await bed.api.token('alice');
      expect(second.status).toBe(200);
      expect(tokenOf(second)).not.toBe(tokenOf(first));
      expect(second.body['expires_in']).toBeGreaterThan(3500);
      expect(refreshes()).toBe(1);
      expect((await bed.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
      expect(refreshes()).toBe(1);
    });

    test('is kept across a restart, after which the stored token is served', async () => {
      await connect();
      const first = await bed.api.token('alice');
      await bed.restart();
      expect(tokenOf(await bed.api.token('alice'))).toBe(tokenOf(first));
      expect(refreshes()).toBe(0);
    });

    test('that has ended causes one request to Google for a hundred concurrent callers, with the same token for all', async () => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.latency('token', 100);
      const responses = await Promise.all(Array.from({ length: 100 }, () => bed.api.token('alice')));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(responses.map(tokenOf)).size).toBe(1);
      expect(refreshes()).toBe(1);
    });

    test.each(fewOf([[0], [-5], ['soon'], [undefined]]))(
      'survives an expires_in of %p',
      async (expires_in) => {
        await connect();
        bed.clock.advance(3600);
        bed.google.control.overrideTokenResponse({ expires_in });
        const response = await bed.api.token('alice');
        expect(response.status).toBe(200);
        expect(response.body['expires_in']).toBeLessThanOrEqual(60);
      },
    );

    test('does not follow an expires_in of ten years', async () => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.overrideTokenResponse({ expires_in: 315_360_000 });
      expect((await bed.api.token('alice')).body['expires_in']).toBeLessThanOrEqual(86_400);
    });

    exhaustive.test('counts from the start of the request', async () => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.latency('token', 1500);
      expect((await bed.api.token('alice')).body['expires_in']).toBeLessThanOrEqual(3598);
    });
  });

  describe('the grant cache and its lease', () => {
    exhaustive.test(
      'serve no old token where the user disconnects while Google stalls, though it has not expired',
      async () => {
        await connect();
        const [grant] = await bed.sql('SELECT id FROM grants');
        bed.clock.advance(3400);
        bed.google.control.failNext('token', { delayMs: 2500 });
        const late = bed.api.token('alice', { scope: YOUTUBE });
        await until(
          async () => (await bed.sql('SELECT 1 FROM grants WHERE lease_owner IS NOT NULL')).length > 0,
        );
        await bed.api.delete(`/grants/${grant?.['id'] as string}`, { mode: 'local' });
        expect((await late).body).toMatchObject({ code: 'not_connected' });
      },
      20_000,
    );

    exhaustive.test(
      'give each caller its own token where one grant is requested in six sets of scopes at once',
      async () => {
        await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY} ${ADS}` });
        const sets = [
          [YOUTUBE],
          [YOUTUBE_MONEY],
          [ADS],
          [YOUTUBE, ADS],
          [YOUTUBE_MONEY, ADS],
          [YOUTUBE, YOUTUBE_MONEY],
        ];
        const services = await Promise.all(sets.map((scopes) => bed.service({ scopes })));
        const responses = await Promise.all(services.map((service) => service.token('alice')));
        expect(responses.map(({ body }) => body['scope'])).toEqual(
          sets.map((scopes) => scopes.toSorted().join(' ')),
        );
        expect(refreshes()).toBe(sets.length);
      },
    );

    exhaustive.test(
      'keep every other user where users without grants are requested, however many',
      async () => {
        await bed.restart({ CACHE_USERS: '20' });
        await connect();
        const isKept = async () => {
          await bed.api.token('alice');
          for (let batch = 0; batch < 10; batch++) {
            await Promise.all(
              Array.from({ length: 20 }, (_, index) => bed.api.token(`unknown-${batch}-${index}`)),
            );
          }
          await bed.sql('BEGIN');
          await bed.sql('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
          try {
            // Another URL than before: only the grant cache can serve it. The latest users without grants are cached, too.
            const responses = Promise.all([
              bed.api.token('alice', { min_ttl: '301' }),
              bed.api.token('unknown-9-19'),
            ]);
            const late = pause(3000, null);
            return (await Promise.race([responses, late]))?.map(({ status }) => status).join() === '200,404';
          } finally {
            await bed.sql('ROLLBACK');
          }
        };
        // A heartbeat that is late, on a busy machine, ends what is cached: then once more.
        await until(isKept, 60_000);
        await bed.restart();
      },
    );

    test('survive an unknown NOTIFY payload', async () => {
      await connect();
      for (const payload of ['', 'x', 'null', '{"kind":"grant"}', '{"kind":"new"}']) {
        await bed.sql(`SELECT pg_notify('token_broker', $1)`, [payload]);
      }
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    exhaustive.test('keep correct times in any time zone of the database', async () => {
      const [here] = await bed.sql('SELECT current_database() AS name');
      const name = here?.['name'] as string;
      await bed.sql(`ALTER DATABASE ${name} SET timezone TO 'America/New_York'`);
      await bed.restart();
      await connect();
      // A new process reads what the first one wrote.
      await bed.restart();
      const { body } = await bed.api.token('alice');
      await bed.sql(`ALTER DATABASE ${name} RESET timezone`);
      await bed.restart();
      expect(body['expires_in']).toBeGreaterThan(3500);
      expect(body['expires_in']).toBeLessThan(3600);
      expect(refreshes()).toBe(0);
    });

    exhaustive.test('count responses from the cache against the rate limit of the service', async () => {
      await bed.restart({ SERVICE_RATE_LIMIT: '5' });
      const service = await bed.service();
      const statuses: number[] = [];
      for (let call = 0; call < 7; call++) statuses.push((await service.token('unknown')).status);
      expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429]);
      await bed.restart();
      await connect();
      await bed.restart({ SERVICE_RATE_LIMIT: '5' });
      const other = await bed.service();
      statuses.length = 0;
      for (let call = 0; call < 7; call++) statuses.push((await other.token('alice')).status);
      await bed.restart();
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    });
  });

  describe('a refused call', () => {
    test('gets 404 with a link that connects, where the user is not connected', async () => {
      const response = await bed.api.token('alice', { scope: YOUTUBE });
      expect(response.status).toBe(404);
      expect(response.body).toMatchObject({ code: 'not_connected' });
      await new Browser().connect(linkOf(response), { account: ALICE.email });
      expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    });

    test('learns how to get a scope for a link, where the user is not connected', async () => {
      const response = await bed.api.token('alice');
      expect(response.body).toMatchObject({
        code: 'not_connected',
        detail: expect.stringContaining('scope='),
      });
      expect(response.body).not.toHaveProperty('connect_url');
    });

    test('gets 403 that names a missing scope, and a link that adds it to the grant', async () => {
      await connect();
      const response = await bed.api.token('alice', { scope: `${YOUTUBE} ${ADS}` });
      expect(response.status).toBe(403);
      expect(response.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
      await new Browser().connect(linkOf(response), { account: ALICE.email });
      const token = await bed.api.token('alice', { scope: `${YOUTUBE} ${ADS}` });
      expect(token.body['scope']).toBe([YOUTUBE, ADS, EMAIL, 'openid'].sort().join(' '));
    });

    test('takes email and profile as Google does', async () => {
      await connect({ scope: `${YOUTUBE} email` });
      expect((await bed.api.token('alice', { scope: 'email openid' })).status).toBe(200);
      expect((await bed.api.token('alice', { scope: EMAIL })).status).toBe(200);
      expect((await bed.api.token('alice', { scope: 'profile' })).status).toBe(403);
    });

    test('gets 409 with a list of several accounts, and account= selects by sub or email', async () => {
      await connect();
      await connect({ account_hint: BOB.email }, BOB as typeof ALICE);
      const response = await bed.api.token('alice');
      expect(response.status).toBe(409);
      expect(response.body).toMatchObject({
        code: 'ambiguous_account',
        accounts: [
          { sub: ALICE.sub, email: ALICE.email },
          { sub: BOB.sub, email: BOB.email },
        ],
      });
      for (const account of [BOB.sub, BOB.email, BOB.email.toUpperCase()]) {
        expect((await bed.api.token('alice', { account })).body['account']).toEqual({
          sub: BOB.sub,
          email: BOB.email,
        });
      }
      expect((await bed.api.token('alice', { account: 'carol@example.com' })).status).toBe(404);
    });

    test('gets 410 with cause, confidence, who must act and a link for a dead grant, after one request to Google', async () => {
      await connect();
      bed.google.control.revokeByUser(ALICE.sub, 'project-a');
      bed.clock.advance(3600);
      const response = await bed.api.token('alice');
      expect(response.status).toBe(410);
      expect(response.body).toMatchObject({
        code: 'reconnect_required',
        cause: 'user_revoked',
        confidence: 'inferred',
        who_must_act: 'user',
      });
      for (let call = 0; call < 20; call++) expect((await bed.api.token('alice')).status).toBe(410);
      expect(refreshes()).toBe(1);

      await new Browser().connect(linkOf(response), { account: ALICE.email });
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    test.each(
      fewOf([
        ['invalid_rapt', 'session_control', 'user'],
        ['admin_policy_enforced', 'admin_policy_enforced', 'workspace_admin'],
        ['invalid_grant_bad_request', 'user_revoked', 'user'],
      ]),
    )('after %s ends the grant as %s, and the %s must act', async (named, cause, who_must_act) => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.failNext('token', { named } as never);
      const response = await bed.api.token('alice');
      expect(response.status).toBe(410);
      expect(response.body).toMatchObject({ cause, who_must_act });
      await bed.api.token('alice');
      expect(refreshes()).toBe(1);
    });

    test.each(
      fewOf([
        ['invalid_client_not_found'],
        ['invalid_client_secret'],
        ['unauthorized_client'],
        ['client_secret_missing'],
      ]),
    )('after %s gets 502 with Google’s error, and the grant stays active', async (named) => {
      await connect();
      bed.clock.advance(3600);
      bed.google.control.failNext('token', { named } as never);
      const response = await bed.api.token('alice');
      expect(response.status).toBe(502);
      expect(response.body).toMatchObject({ code: 'client_misconfigured', google_error: expect.any(String) });
      expect((await bed.api.token('alice')).status).toBe(502);
      expect(refreshes()).toBe(1);
      await bed.afterBackoff();
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    test.each(
      fewOf(
        [
          [{ named: 'internal_failure' }],
          [{ named: 'server_error' }],
          [{ named: 'temporarily_unavailable' }],
          [{ named: 'user_rate_limit_html' }],
          [{ named: 'too_many_requests' }],
          [{ status: 500, body: '' }],
          [{ status: 200, body: 'not json' }],
          [{ status: 200, body: '{}' }],
          [{ status: 400, body: { error: 'something_new' } }],
          [{ drop: true }],
          [{ delayMs: 2500 }],
          [{ status: 503, body: '', headers: { 'retry-after': '99999999' } }],
          [{ status: 503, body: '', headers: { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' } }],
          [{ status: 503, body: '', headers: { 'retry-after': '-5' } }],
          [{ status: 503, body: '', headers: { 'retry-after': 'soon' } }],
        ],
        4,
      ),
    )(
      'after %j gets 503 with Retry-After when no token is left, and the grant stays active',
      async (fault) => {
        await connect();
        bed.clock.advance(3600);
        bed.google.control.failNext('token', fault as never);
        const response = await bed.api.token('alice');
        expect(response.status).toBe(503);
        expect(response.body).toMatchObject({ code: 'google_unavailable' });
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
        // However long Google asks to wait.
        expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(3600);
        const asked = refreshes();
        expect((await bed.api.token('alice')).status).toBe(503);
        expect(refreshes()).toBe(asked);
        await bed.afterBackoff();
        expect((await bed.api.token('alice')).status).toBe(200);
      },
      20_000,
    );

    test('is served in an outage of Google with a token that has not expired, although it expires within min_ttl', async () => {
      await connect();
      const first = await bed.api.token('alice');
      bed.clock.advance(3500);
      bed.google.control.failAlways('token', { status: 503, body: '' });
      const response = await bed.api.token('alice');
      expect(response.status).toBe(200);
      expect(tokenOf(response)).toBe(tokenOf(first));
      bed.clock.advance(120);
      expect((await bed.api.token('alice')).status).toBe(503);
    });
  });

  describe('the policy of a service', () => {
    beforeEach(async () => {
      await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    });

    test.each([
      ['another user', { users: ['bob', 'team-*'] }, {}],
      ['another client', { clients: ['second'] }, {}],
      ['a scope', { scopes: [YOUTUBE] }, { scope: YOUTUBE_MONEY }],
    ])('is refused with 403 for %s', async (_, policy, query) => {
      const service = await bed.service(policy);
      const response = await service.token('alice', query);
      expect(response.status).toBe(403);
      expect(response.body).toMatchObject({ code: 'not_allowed' });
      const ticket = await service.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE, ...query });
      expect(ticket.status).toBe(403);
    });

    test.each([[['alice']], [['al*']], [['*']]])('of users %j covers alice', async (users) => {
      expect((await (await bed.service({ users })).token('alice')).status).toBe(200);
    });

    test('narrows the token to it, and caches it apart from the token of the whole grant', async () => {
      const narrow = await bed.service({ scopes: [YOUTUBE] });
      const whole = await bed.api.token('alice');
      const token = await narrow.token('alice');
      expect(token.body['scope']).toBe(YOUTUBE);
      expect(tokenOf(token)).not.toBe(tokenOf(whole));
      expect(tokenOf(await narrow.token('alice'))).toBe(tokenOf(token));
      expect(refreshes()).toBe(1);
      const report = (metrics: string) =>
        fetch(
          `${bed.google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-02&metrics=${metrics}`,
          {
            headers: { authorization: `Bearer ${tokenOf(token)}` },
          },
        );
      expect((await report('views')).status).toBe(200);
    });

    test.each([
      ['email', 'userinfo.email'],
      ['profile', 'userinfo.profile'],
    ])('of %s without openid gives a token, though Google adds openid', async (scope, name) => {
      await connect({ scope: `${YOUTUBE} profile` });
      const service = await bed.service({ scopes: [YOUTUBE, scope] });
      const token = await service.token('alice', { scope });
      expect(token.status).toBe(200);
      const full = `https://www.googleapis.com/auth/${name}`;
      expect(String(token.body['scope']).split(' ')).toEqual([full, YOUTUBE, 'openid'].sort());
      expect((await service.token('alice', { scope: 'openid' })).body['access_token']).toBe(tokenOf(token));
    });

    test('of profile is refused with what is missing where the grant has no scope of it', async () => {
      const service = await bed.service({ scopes: ['profile', 'https://www.googleapis.com/auth/adwords'] });
      const { status, body } = await service.token('alice');
      expect([status, body['code']]).toEqual([403, 'insufficient_scope']);
      expect(body['missing_scopes']).toContain('https://www.googleapis.com/auth/userinfo.profile');
    });

    test('of openid alone gives a token that does not tell the email address', async () => {
      const service = await bed.service({ scopes: ['openid'] });
      expect((await service.token('alice')).body['scope']).toBe('openid');
      expect((await service.token('alice', { scope: 'email' })).status).toBe(403);
    });

    test('never hands out the wider token when Google does not narrow', async () => {
      const narrow = await bed.service({ scopes: [YOUTUBE] });
      bed.google.control.overrideTokenResponse({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
      const response = await narrow.token('alice');
      expect(response.status).toBe(403);
      expect(response.text).not.toContain('ya29.');
      // Nor later, from the database: the token was discarded.
      bed.google.control.overrideTokenResponse(null);
      const asked = refreshes();
      expect((await narrow.token('alice')).status).toBe(403);
      expect(refreshes()).toBe(asked);
      bed.clock.advance(61);
      const later = await narrow.token('alice');
      expect(later.body['scope']).toBe(YOUTUBE);
      expect(refreshes()).toBe(asked + 1);
    });

    describe('where Google sends another refresh token with each response', () => {
      beforeEach(() => {
        bed.google.control.rotateRefreshTokens(true);
      });

      /** The one that the broker has is the one that Google accepts, and the slot ledger knows it. */
      const expectUsable = async () => {
        bed.google.control.overrideTokenResponse(null);
        bed.google.control.clearFaults();
        bed.clock.advance(3600);
        expect((await bed.api.token('alice')).status).toBe(200);
        const current = await bed.sql('SELECT grant_id FROM refresh_tokens WHERE current');
        expect(current).toHaveLength(1);
      };

      test.each([
        ['with more than was requested', [YOUTUBE], `${YOUTUBE} ${YOUTUBE_MONEY}`, undefined, 403, 1],
        ['with less, and then with all', [YOUTUBE, YOUTUBE_MONEY], YOUTUBE, 1, 403, 2],
        ['with less than the grant', null, `openid ${EMAIL} ${YOUTUBE}`, undefined, 200, 1],
      ])('keeps the newest one that came %s', async (_, policy, scope, times, status, requests) => {
        const api = policy ? await bed.service({ scopes: policy }) : bed.api;
        bed.google.control.overrideTokenResponse({ scope }, times);
        bed.clock.advance(3600);
        const response = await api.token('alice');
        expect([response.status, refreshes()]).toEqual([status, requests]);
        await expectUsable();
      });

      test('keeps it where the second request fails', async () => {
        const narrow = await bed.service({ scopes: [YOUTUBE, YOUTUBE_MONEY] });
        bed.google.control.overrideTokenResponse({ scope: YOUTUBE }, 1);
        bed.google.control.latency('token', 300);
        bed.clock.advance(3600);
        const response = narrow.token('alice');
        await until(() => refreshes() === 1);
        bed.google.control.failNext('token', { status: 503, body: '' });
        expect((await response).status).toBe(200);
        await expectUsable();
      });

      test('keeps it where the grant turns out to hold less, and more than it says', async () => {
        const beyond = `${ADS} openid ${EMAIL} ${YOUTUBE}`;
        bed.google.control.failNext('token', { named: 'invalid_scope' });
        bed.google.control.overrideTokenResponse({ scope: beyond }, 1);
        bed.clock.advance(3600);
        expect((await bed.api.token('alice')).body['scope']).not.toContain(YOUTUBE_MONEY);
        await expectUsable();
      });
    });

    test('updates the grant when Google refuses to narrow because the grant holds less', async () => {
      const narrow = await bed.service({ scopes: [YOUTUBE, YOUTUBE_MONEY] });
      bed.google.control.failNext('token', { named: 'invalid_scope' });
      bed.google.control.overrideTokenResponse({ scope: `openid ${EMAIL} ${YOUTUBE}` }, 1);
      const response = await narrow.token('alice');
      expect(response.status).toBe(200);
      expect(response.body['scope']).toBe(YOUTUBE);
    });

    test.each([null, ''])('is what it is for where the response names no scopes, by %j', async (scope) => {
      const narrow = await bed.service({ scopes: [YOUTUBE] });
      bed.google.control.overrideTokenResponse({ scope });
      const response = await narrow.token('alice');
      expect(response.status).toBe(200);
      expect(response.body['scope']).toBe(YOUTUBE);
      expect(refreshes()).toBe(1);
      // The grant keeps what it holds.
      bed.google.control.overrideTokenResponse(null);
      expect((await bed.api.token('alice', { scope: YOUTUBE_MONEY })).status).toBe(200);
    });

    test('refuses the service after two requests when Google refuses to narrow a grant that holds everything', async () => {
      const narrow = await bed.service({ scopes: [YOUTUBE] });
      bed.google.control.failNext('token', { named: 'invalid_scope' });
      const response = await narrow.token('alice');
      expect(response.status).toBe(403);
      expect(response.body).toMatchObject({
        code: 'not_allowed',
        detail: expect.stringContaining('did not narrow'),
      });
      expect(refreshes()).toBe(2);
    });

    test('says so to the operator when Google refuses the scopes altogether', async () => {
      bed.clock.advance(3600);
      // With scopes, then without.
      bed.google.control.failNext('token', { named: 'invalid_scope' }, 2);
      const response = await bed.api.token('alice');
      expect(response.status).toBe(502);
      expect(response.body).toMatchObject({
        google_error: 'invalid_scope',
        cause: 'scope_rejected',
        who_must_act: 'operator',
      });
      expect(response.body['detail']).not.toContain('client_secret');
    });

    test('keeps scopes that the grant gained at Google from a service whose policy lacks them', async () => {
      const narrow = await bed.service({ scopes: [YOUTUBE, YOUTUBE_MONEY, 'openid', 'email'] });
      expect((await narrow.token('alice')).status).toBe(200);
      bed.clock.advance(3600);
      bed.google.control.overrideTokenResponse(
        { scope: `openid ${EMAIL} ${YOUTUBE} ${YOUTUBE_MONEY} ${ADS}` },
        1,
      );
      const response = await narrow.token('alice');
      expect(response.status).toBe(403);
      expect(response.text).not.toContain('ya29.');
      const [grant] = await bed.sql('SELECT granted_scopes FROM grants');
      expect(grant?.['granted_scopes']).not.toContain(ADS);
      // Once Google narrows again, there is a token again.
      bed.clock.advance(61);
      const later = await narrow.token('alice');
      expect(later.body['scope']).toContain(YOUTUBE_MONEY);
      expect(later.body['scope']).not.toContain(ADS);
    });

    test('ends with a revoked key', async () => {
      const service = await bed.service();
      const id = service.key.split('_')[1];
      await bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [id]);
      expect((await service.token('alice')).status).toBe(401);
    });
  });

  exhaustive.test(
    'without narrowing, a service whose policy is narrower than the grant is refused',
    async () => {
      await bed.restart({ NARROW_SCOPES: 'false' });
      await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
      const response = await (await bed.service({ scopes: [YOUTUBE] })).token('alice');
      expect(response.status).toBe(403);
      expect(response.body).toMatchObject({
        code: 'not_allowed',
        detail: expect.stringContaining('NARROW_SCOPES'),
      });
      expect((await bed.api.token('alice')).status).toBe(200);
      await bed.restart();
    },
  );

  test('a grant narrows when Google narrows it', async () => {
    await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    bed.clock.advance(3600);
    bed.google.control.overrideTokenResponse({ scope: `openid ${EMAIL} ${YOUTUBE}` }, 1);
    const response = await bed.api.token('alice', { scope: YOUTUBE_MONEY });
    expect(response.status).toBe(403);
    expect(response.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [YOUTUBE_MONEY] });
    const [grant] = await bed.sql('SELECT granted_scopes FROM grants');
    expect(grant?.['granted_scopes']).not.toContain(YOUTUBE_MONEY);
  });

  test('a consent during a refresh prevails, and the late response is discarded', async () => {
    await connect();
    bed.clock.advance(3600);
    const { browser, consent } = await (async () => {
      const browser = new Browser();
      const url = await bed.api.connectUrl({
        user_id: 'alice',
        scope: `${YOUTUBE} ${ADS}`,
        account_hint: ALICE.email,
      });
      return { browser, consent: await browser.begin(url) };
    })();
    const back = await visitConsent(consent, { account: ALICE.email });
    bed.google.control.failNext('token', { delayMs: 800 });
    const before = refreshes();
    const slow = bed.api.token('alice');
    await until(() => refreshes() > before);
    expect((await browser.open(back)).status).toBe(200);
    const response = await slow;
    expect(response.status).toBe(200);
    expect(response.body['scope']).toContain(ADS);
    const [grant] = await bed.sql('SELECT version, granted_scopes FROM grants');
    expect(grant?.['granted_scopes']).toContain(ADS);
  });

  test('a grant of one client is not a grant of another', async () => {
    await connect({ client: 'second' });
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    expect((await bed.api.token('alice', { client: 'second' })).body['client']).toBe('second');
  });
});
