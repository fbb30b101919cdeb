import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, Browser } from './support/api.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from './support/test-bed.js';
import { visitConsent } from './support/visit-consent.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';

describe('GET /tokens/:userId', () => {
  let world: TestBed;
  beforeAll(async () => {
    world = await startTestBed();
  });
  beforeEach(async () => {
    world.google.control.reset();
    await world.reset();
  });
  afterAll(() => world.stop());

  const until = async (look: () => Promise<boolean>) => {
    while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const connect = (more: Record<string, unknown> = {}, account = ALICE) =>
    world.api.connect({ user_id: 'alice', scope: YOUTUBE, ...more }, { account: account.email });
  const refreshes = () => world.google.control.count('token', 'refresh_token');
  const tokenOf = ({ body }: Answer) => body['access_token'] as string;
  const linkOf = ({ body }: Answer) => body['connect_url'] as string;

  describe('freshness', () => {
    test('a fresh token is served without asking Google', async () => {
      await connect();
      const first = await world.api.token('alice');
      world.clock.advance(2800);
      const second = await world.api.token('alice');
      expect(tokenOf(second)).toBe(tokenOf(first));
      expect(second.body['expires_in']).toBeLessThan(800);
      expect(refreshes()).toBe(0);
    });

    test('near its end it is served still, and one new token is fetched behind the callers', async () => {
      await connect();
      const first = await world.api.token('alice');
      world.clock.advance(3050);
      world.google.control.latency('token', 1000);
      const near = await Promise.all(Array.from({ length: 20 }, () => world.api.token('alice')));
      expect(new Set(near.map(tokenOf))).toEqual(new Set([tokenOf(first)]));
      await until(async () => tokenOf(await world.api.token('alice')) !== tokenOf(first));
      expect(refreshes()).toBe(1);
    });

    test('where Google gives short tokens only, it is asked once for each half of a life', async () => {
      await connect();
      world.clock.advance(3600);
      world.google.control.overrideTokenAnswer({ expires_in: 100 });
      for (let call = 0; call < 10; call++) expect((await world.api.token('alice')).status).toBe(200);
      expect(refreshes()).toBe(1);
      world.clock.advance(60);
      expect((await world.api.token('alice')).body['expires_in']).toBeGreaterThan(90);
      expect(refreshes()).toBe(2);
    });

    test('one that lives less than min_ttl is refreshed, by default 300 s before its end', async () => {
      await connect();
      const first = await world.api.token('alice');
      world.clock.advance(3599 - 300 + 2);
      const second = await world.api.token('alice');
      expect(second.status).toBe(200);
      expect(tokenOf(second)).not.toBe(tokenOf(first));
      expect(second.body['expires_in']).toBeGreaterThan(3500);
      expect(refreshes()).toBe(1);
      expect((await world.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
      expect(refreshes()).toBe(1);
    });

    test('after a restart the stored token is served still', async () => {
      await connect();
      const first = await world.api.token('alice');
      await world.restart();
      expect(tokenOf(await world.api.token('alice'))).toBe(tokenOf(first));
      expect(refreshes()).toBe(0);
    });

    test('a hundred callers at once on an expired token: Google is asked once, all get the same token', async () => {
      await connect();
      world.clock.advance(3600);
      world.google.control.latency('token', 100);
      const answers = await Promise.all(Array.from({ length: 100 }, () => world.api.token('alice')));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(tokenOf)).size).toBe(1);
      expect(refreshes()).toBe(1);
    });

    test.each([[0], [-5], ['soon'], [undefined]])('an expires_in of %p is survived', async (expires_in) => {
      await connect();
      world.clock.advance(3600);
      world.google.control.overrideTokenAnswer({ expires_in });
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(200);
      expect(answer.body['expires_in']).toBeLessThanOrEqual(60);
    });

    test('an expires_in of ten years is not believed', async () => {
      await connect();
      world.clock.advance(3600);
      world.google.control.overrideTokenAnswer({ expires_in: 315_360_000 });
      expect((await world.api.token('alice')).body['expires_in']).toBeLessThanOrEqual(86_400);
    });

    test('a lifetime counts from the start of the request', async () => {
      await connect();
      world.clock.advance(3600);
      world.google.control.latency('token', 1500);
      expect((await world.api.token('alice')).body['expires_in']).toBeLessThanOrEqual(3598);
    });
  });

  describe('memory and lease', () => {
    test('a disconnect while Google stalls: nothing is given of the old token, though it lives on', async () => {
      await connect();
      const [grant] = await world.sql('SELECT id FROM grants');
      world.clock.advance(3400);
      world.google.control.failNext('token', { delayMs: 2500 });
      const late = world.api.token('alice', { scope: YOUTUBE });
      await until(
        async () => (await world.sql('SELECT 1 FROM grants WHERE lease_owner IS NOT NULL')).length > 0,
      );
      await world.api.delete(`/grants/${grant?.['id'] as string}`, { mode: 'local' });
      expect((await late).body).toMatchObject({ code: 'not_connected' });
    }, 20_000);

    test('one grant wanted in seven sets of scopes at once: everybody gets theirs', async () => {
      await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY} ${ADS}` });
      const sets = [
        [YOUTUBE],
        [YOUTUBE_MONEY],
        [ADS],
        [YOUTUBE, ADS],
        [YOUTUBE_MONEY, ADS],
        [YOUTUBE, YOUTUBE_MONEY],
      ];
      const services = await Promise.all(sets.map((scopes) => world.service({ scopes })));
      const answers = await Promise.all(services.map((service) => service.token('alice')));
      expect(answers.map(({ body }) => body['scope'])).toEqual(
        sets.map((scopes) => scopes.toSorted().join(' ')),
      );
      expect(refreshes()).toBe(sets.length);
    });

    test('users who do not exist push nobody out of memory, however many are asked for', async () => {
      await world.restart({ MEMORY_USERS: '20' });
      await connect();
      await world.api.token('alice');
      for (let batch = 0; batch < 10; batch++) {
        await Promise.all(
          Array.from({ length: 20 }, (_, index) => world.api.token(`unknown-${batch}-${index}`)),
        );
      }
      await world.sql('BEGIN');
      await world.sql('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
      try {
        // Another question than before: only the memory of grants can answer it.
        const answer = await Promise.race([
          world.api.token('alice', { min_ttl: '301' }),
          new Promise<null>((resolve) => setTimeout(resolve, 3000, null)),
        ]);
        expect(answer?.status).toBe(200);
        // The last ones who were not there are remembered, too.
        expect((await world.api.token('unknown-9-19')).status).toBe(404);
      } finally {
        await world.sql('ROLLBACK');
        await world.restart();
      }
    });

    test('whatever anybody NOTIFYs, the broker goes on', async () => {
      await connect();
      for (const payload of ['', 'x', 'null', '{"kind":"grant"}', '{"kind":"new"}']) {
        await world.sql(`SELECT pg_notify('token_broker', $1)`, [payload]);
      }
      expect((await world.api.token('alice')).status).toBe(200);
    });

    test('times are right in whatever time zone the database lives', async () => {
      const [here] = await world.sql('SELECT current_database() AS name');
      const name = here?.['name'] as string;
      await world.sql(`ALTER DATABASE ${name} SET timezone TO 'America/New_York'`);
      await world.restart();
      await connect();
      // Another process reads what this one wrote.
      await world.restart();
      const { body } = await world.api.token('alice');
      await world.sql(`ALTER DATABASE ${name} RESET timezone`);
      await world.restart();
      expect(body['expires_in']).toBeGreaterThan(3500);
      expect(body['expires_in']).toBeLessThan(3600);
      expect(refreshes()).toBe(0);
    });

    test('calls that memory answers count against the limit of their service', async () => {
      await world.restart({ SERVICE_RATE_LIMIT: '5' });
      const service = await world.service();
      const statuses: number[] = [];
      for (let call = 0; call < 7; call++) statuses.push((await service.token('nobody')).status);
      expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429]);
      await world.restart();
      await connect();
      await world.restart({ SERVICE_RATE_LIMIT: '5' });
      const other = await world.service();
      statuses.length = 0;
      for (let call = 0; call < 7; call++) statuses.push((await other.token('alice')).status);
      await world.restart();
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    });
  });

  describe('refusals', () => {
    test('not connected: 404 with a link that connects', async () => {
      const answer = await world.api.token('alice', { scope: YOUTUBE });
      expect(answer.status).toBe(404);
      expect(answer.body).toMatchObject({ code: 'not_connected' });
      await new Browser().connect(linkOf(answer), { account: ALICE.email });
      expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    });

    test('not connected, and no scope to make a link of: says how to get one', async () => {
      const answer = await world.api.token('alice');
      expect(answer.body).toMatchObject({ code: 'not_connected', detail: expect.stringContaining('scope=') });
      expect(answer.body).not.toHaveProperty('connect_url');
    });

    test('a missing scope: 403 names it, and its link adds it to the grant', async () => {
      await connect();
      const answer = await world.api.token('alice', { scope: `${YOUTUBE} ${ADS}` });
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
      await new Browser().connect(linkOf(answer), { account: ALICE.email });
      const token = await world.api.token('alice', { scope: `${YOUTUBE} ${ADS}` });
      expect(token.body['scope']).toBe([YOUTUBE, ADS, EMAIL, 'openid'].sort().join(' '));
    });

    test('email and profile mean what Google means by them', async () => {
      await connect({ scope: `${YOUTUBE} email` });
      expect((await world.api.token('alice', { scope: 'email openid' })).status).toBe(200);
      expect((await world.api.token('alice', { scope: EMAIL })).status).toBe(200);
      expect((await world.api.token('alice', { scope: 'profile' })).status).toBe(403);
    });

    test('several accounts: 409 lists them, account= chooses by sub or email', async () => {
      await connect();
      await connect({ account_hint: BOB.email }, BOB as typeof ALICE);
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({
        code: 'ambiguous_account',
        accounts: [
          { sub: ALICE.sub, email: ALICE.email },
          { sub: BOB.sub, email: BOB.email },
        ],
      });
      for (const account of [BOB.sub, BOB.email, BOB.email.toUpperCase()]) {
        expect((await world.api.token('alice', { account })).body['account']).toEqual({
          sub: BOB.sub,
          email: BOB.email,
        });
      }
      expect((await world.api.token('alice', { account: 'carol@example.com' })).status).toBe(404);
    });

    test('a dead grant: 410 with cause, confidence, who must act and a link; Google is asked once, not again', async () => {
      await connect();
      world.google.control.revokeByUser(ALICE.sub, 'project-a');
      world.clock.advance(3600);
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(410);
      expect(answer.body).toMatchObject({
        code: 'reconnect_required',
        cause: 'user_revoked',
        confidence: 'inferred',
        who_must_act: 'user',
      });
      for (let call = 0; call < 20; call++) expect((await world.api.token('alice')).status).toBe(410);
      expect(refreshes()).toBe(1);

      await new Browser().connect(linkOf(answer), { account: ALICE.email });
      expect((await world.api.token('alice')).status).toBe(200);
    });

    test.each([
      ['invalid_rapt', 'session_control', 'user'],
      ['admin_policy_enforced', 'admin_policy_enforced', 'workspace_admin'],
      ['invalid_grant_bad_request', 'user_revoked', 'user'],
    ])('%s kills the grant as %s, and the %s must act', async (named, cause, who_must_act) => {
      await connect();
      world.clock.advance(3600);
      world.google.control.failNext('token', { named } as never);
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(410);
      expect(answer.body).toMatchObject({ cause, who_must_act });
      await world.api.token('alice');
      expect(refreshes()).toBe(1);
    });

    test.each([
      ['invalid_client_not_found'],
      ['invalid_client_secret'],
      ['unauthorized_client'],
      ['client_secret_missing'],
    ])('%s: 502 names what Google says; the grant lives on', async (named) => {
      await connect();
      world.clock.advance(3600);
      world.google.control.failNext('token', { named } as never);
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(502);
      expect(answer.body).toMatchObject({ code: 'client_misconfigured', google_error: expect.any(String) });
      expect((await world.api.token('alice')).status).toBe(502);
      expect(refreshes()).toBe(1);
      await world.afterBackoff();
      expect((await world.api.token('alice')).status).toBe(200);
    });

    test.each([
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
    ])(
      '%j: 503 with Retry-After when no token is left; the grant lives on',
      async (fault) => {
        await connect();
        world.clock.advance(3600);
        world.google.control.failNext('token', fault as never);
        const answer = await world.api.token('alice');
        expect(answer.status).toBe(503);
        expect(answer.body).toMatchObject({ code: 'google_unavailable' });
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        const asked = refreshes();
        expect((await world.api.token('alice')).status).toBe(503);
        expect(refreshes()).toBe(asked);
        await world.afterBackoff();
        expect((await world.api.token('alice')).status).toBe(200);
      },
      20_000,
    );

    test('while Google fails, a token that is still valid is served though it lives shorter than asked', async () => {
      await connect();
      const first = await world.api.token('alice');
      world.clock.advance(3500);
      world.google.control.failAlways('token', { status: 503, body: '' });
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(200);
      expect(tokenOf(answer)).toBe(tokenOf(first));
      world.clock.advance(120);
      expect((await world.api.token('alice')).status).toBe(503);
    });
  });

  describe('what a service may have', () => {
    beforeEach(async () => {
      await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    });

    test.each([
      ['another user', { users: ['bob', 'team-*'] }, {}],
      ['another client', { clients: ['second'] }, {}],
      ['a scope', { scopes: [YOUTUBE] }, { scope: YOUTUBE_MONEY }],
    ])('%s is refused with 403', async (_, policy, query) => {
      const service = await world.service(policy);
      const answer = await service.token('alice', query);
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ code: 'not_allowed' });
      const ticket = await service.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE, ...query });
      expect(ticket.status).toBe(403);
    });

    test.each([[['alice']], [['al*']], [['*']]])('users %j covers alice', async (users) => {
      expect((await (await world.service({ users })).token('alice')).status).toBe(200);
    });

    test('its token is narrowed to its policy, and cached apart from the whole one', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE] });
      const whole = await world.api.token('alice');
      const token = await narrow.token('alice');
      expect(token.body['scope']).toBe(YOUTUBE);
      expect(tokenOf(token)).not.toBe(tokenOf(whole));
      expect(tokenOf(await narrow.token('alice'))).toBe(tokenOf(token));
      expect(refreshes()).toBe(1);
      const report = (metrics: string) =>
        fetch(
          `${world.google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-02&metrics=${metrics}`,
          {
            headers: { authorization: `Bearer ${tokenOf(token)}` },
          },
        );
      expect((await report('views')).status).toBe(200);
    });

    test('when Google does not narrow, the wider token is never handed out', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE] });
      world.google.control.overrideTokenAnswer({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
      const answer = await narrow.token('alice');
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain('ya29.');
      // Nor later, from the store: nothing of it was kept.
      world.google.control.overrideTokenAnswer(null);
      const asked = refreshes();
      expect((await narrow.token('alice')).status).toBe(403);
      expect(refreshes()).toBe(asked);
      world.clock.advance(61);
      const later = await narrow.token('alice');
      expect(later.body['scope']).toBe(YOUTUBE);
      expect(refreshes()).toBe(asked + 1);
    });

    test('when Google refuses to narrow because the grant shrank, what it holds is learned', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE, YOUTUBE_MONEY] });
      world.google.control.failNext('token', { named: 'invalid_scope' });
      world.google.control.overrideTokenAnswer({ scope: `openid ${EMAIL} ${YOUTUBE}` }, 1);
      const answer = await narrow.token('alice');
      expect(answer.status).toBe(200);
      expect(answer.body['scope']).toBe(YOUTUBE);
    });

    test('when Google does not say what it gave, the token counts as wide: refused, and asked for once', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE] });
      world.google.control.overrideTokenAnswer({ scope: null });
      const answer = await narrow.token('alice');
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain('ya29.');
      expect(refreshes()).toBe(1);
    });

    test('when Google refuses to narrow a grant that holds all, the service is refused after two requests', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE] });
      world.google.control.failNext('token', { named: 'invalid_scope' });
      const answer = await narrow.token('alice');
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({
        code: 'not_allowed',
        detail: expect.stringContaining('did not narrow'),
      });
      expect(refreshes()).toBe(2);
    });

    test('when Google refuses the scopes altogether, the operator is told so', async () => {
      world.clock.advance(3600);
      // Named one by one, and all that the refresh token covers.
      world.google.control.failNext('token', { named: 'invalid_scope' }, 2);
      const answer = await world.api.token('alice');
      expect(answer.status).toBe(502);
      expect(answer.body).toMatchObject({
        google_error: 'invalid_scope',
        cause: 'scope_rejected',
        who_must_act: 'operator',
      });
      expect(answer.body['detail']).not.toContain('client_secret');
    });

    test('scopes that the grant gained at Google do not reach a service that may not have them', async () => {
      const narrow = await world.service({ scopes: [YOUTUBE, YOUTUBE_MONEY, 'openid', 'email'] });
      expect((await narrow.token('alice')).status).toBe(200);
      world.clock.advance(3600);
      world.google.control.overrideTokenAnswer(
        { scope: `openid ${EMAIL} ${YOUTUBE} ${YOUTUBE_MONEY} ${ADS}` },
        1,
      );
      const answer = await narrow.token('alice');
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain('ya29.');
      const [grant] = await world.sql('SELECT granted_scopes FROM grants');
      expect(grant?.['granted_scopes']).not.toContain(ADS);
      // Once Google narrows again, there is a token again.
      world.clock.advance(61);
      const later = await narrow.token('alice');
      expect(later.body['scope']).toContain(YOUTUBE_MONEY);
      expect(later.body['scope']).not.toContain(ADS);
    });

    test('a revoked key stops working', async () => {
      const service = await world.service();
      const id = service.key.split('_')[1];
      await world.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [id]);
      expect((await service.token('alice')).status).toBe(401);
    });
  });

  test('with narrowing off, a service that may have less than the grant holds is refused', async () => {
    await world.restart({ NARROW_SCOPES: 'false' });
    await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    const answer = await (await world.service({ scopes: [YOUTUBE] })).token('alice');
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({
      code: 'not_allowed',
      detail: expect.stringContaining('NARROW_SCOPES'),
    });
    expect((await world.api.token('alice')).status).toBe(200);
    await world.restart();
  });

  test('a grant narrows when Google narrows it', async () => {
    await connect({ scope: `${YOUTUBE} ${YOUTUBE_MONEY}` });
    world.clock.advance(3600);
    world.google.control.overrideTokenAnswer({ scope: `openid ${EMAIL} ${YOUTUBE}` }, 1);
    const answer = await world.api.token('alice', { scope: YOUTUBE_MONEY });
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [YOUTUBE_MONEY] });
    const [grant] = await world.sql('SELECT granted_scopes FROM grants');
    expect(grant?.['granted_scopes']).not.toContain(YOUTUBE_MONEY);
  });

  test('a consent that lands during a refresh wins; the late answer is discarded', async () => {
    await connect();
    world.clock.advance(3600);
    const { browser, consent } = await (async () => {
      const browser = new Browser();
      const url = await world.api.connectUrl({
        user_id: 'alice',
        scope: `${YOUTUBE} ${ADS}`,
        account_hint: ALICE.email,
      });
      return { browser, consent: await browser.begin(url) };
    })();
    const back = await visitConsent(consent, { account: ALICE.email });
    world.google.control.failNext('token', { delayMs: 800 });
    const slow = world.api.token('alice');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await browser.open(back)).status).toBe(200);
    const answer = await slow;
    expect(answer.status).toBe(200);
    expect(answer.body['scope']).toContain(ADS);
    const [grant] = await world.sql('SELECT version, granted_scopes FROM grants');
    expect(grant?.['granted_scopes']).toContain(ADS);
  });

  test('clients are apart: a grant of one is none of another', async () => {
    await connect({ client: 'second' });
    expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    expect((await world.api.token('alice', { client: 'second' })).body['client']).toBe('second');
  });
});
