import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FAILURE_PAGES, type FailurePage } from '../../src/domain/google/failure-pages.js';
import { Database } from '../../src/token-store/client/database.js';
import { CredentialSealer } from '../../src/token-store/grants/credential-sealer.js';
import { fromRow } from '../../src/token-store/grants/grant-row.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { Browser } from '../support/api.js';
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
import { visitConsent } from '../support/visit-consent.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

describe('the authorization response', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const ticket = { user_id: 'alice', scope: YOUTUBE };
  const begin = async (more: Record<string, unknown> = {}) => {
    const browser = new Browser();
    const url = await bed.api.connectUrl({ ...ticket, ...more });
    return { browser, url, consent: await browser.begin(url) };
  };
  const grants = () => bed.sql('SELECT * FROM grants');

  test('comes from a consent URL that has every parameter that Google documents', async () => {
    const { consent } = await begin({ account_hint: ALICE.email });
    expect(consent.pathname).toBe('/o/oauth2/v2/auth');
    expect(Object.fromEntries(consent.searchParams)).toEqual({
      client_id: 'default',
      redirect_uri: `${bed.url}/callback`,
      response_type: 'code',
      access_type: 'offline',
      scope: `https://www.googleapis.com/auth/userinfo.email ${YOUTUBE} openid`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      login_hint: ALICE.email,
      prompt: 'consent',
    });
  });

  test('leaves state, verifier and cookie stored as digests or sealed, never in plain text', async () => {
    const { browser, consent } = await begin();
    const [row] = await bed.sql('SELECT r::text FROM authorization_requests r');
    const text = String(row?.['r']);
    for (const secret of [
      consent.searchParams.get('state'),
      consent.searchParams.get('nonce'),
      ...browser.cookies.values(),
    ]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret ?? '').toString('hex'));
    }
  });

  test('is bound to a cookie that is HttpOnly, SameSite=Lax and for this ticket only', async () => {
    const browser = new Browser();
    const url = await bed.api.connectUrl(ticket);
    const fields = { ticket: new URL(url).searchParams.get('ticket') ?? '' };
    const { headers } = await browser.submit(new URL('/connect', url), fields);
    expect(headers.get('set-cookie')).toMatch(
      /^connect-[\w-]{12}=[\w-]{43}; Max-Age=7200; Path=\/; HttpOnly; SameSite=Lax$/,
    );
  });

  exhaustive.test(
    'leads to the same outcome in a second callback with the same state, which changes nothing',
    async () => {
      const { browser, consent } = await begin();
      const back = await visitConsent(consent, { account: ALICE.email });
      const first = await browser.open(back);
      expect(first.status).toBe(200);
      const before = await grants();
      const exchanges = bed.google.control.count('token');

      const again = await browser.open(back);
      expect(again.status).toBe(200);
      expect(again.text).toBe(first.text);
      expect(await grants()).toEqual(before);
      expect(bed.google.control.count('token')).toBe(exchanges);
    },
  );

  test('in two callbacks at the same moment leads to one exchange and one grant', async () => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => {
        const copy = new Browser();
        browser.cookies.forEach((value, name) => copy.cookies.set(name, value));
        return copy.open(back);
      }),
    );
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(bed.google.control.count('token')).toBe(1);
    expect(await grants()).toHaveLength(1);
  });

  test.each([
    ['without the cookie', () => new Browser(), 'another browser'],
    [
      'with the cookie of another ticket',
      async () => {
        const other = await begin();
        return other.browser;
      },
      'another browser',
    ],
  ])('%s is refused, and the right browser can still finish', async (_, stranger, text) => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    const refused = await (await stranger()).open(back);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain(text);
    expect(bed.google.control.count('token')).toBe(0);
    expect(await grants()).toHaveLength(0);
    expect((await browser.open(back)).status).toBe(200);
  });

  test('is refused with a cookie that has the right name and a wrong value', async () => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    for (const name of browser.cookies.keys()) browser.cookies.set(name, 'A'.repeat(43));
    expect((await browser.open(back)).status).toBe(400);
    expect(await grants()).toHaveLength(0);
  });

  test.each([
    ['state', 'wrong'.repeat(8), 'no connect that is in progress'],
    ['iss', 'https://evil.example', 'does not come from Google'],
  ])('with a wrong %s is refused before anything is sent to Google', async (name, value, text) => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    back.searchParams.set(name, value);
    const response = await browser.open(back);
    expect(response.status).toBe(400);
    expect(response.text).toContain(text);
    expect(bed.google.control.count('token')).toBe(0);
  });

  test('yields nothing once the time of its ticket is over', async () => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    bed.clock.advance(31 * 60);
    const response = await browser.open(back);
    expect(response.text).toContain('took too long');
    expect(bed.google.control.count('token')).toBe(0);
  });

  test.each([
    ['no state', '/callback'],
    ['a 10 KB state', `/callback?state=${'a'.repeat(10_000)}`],
    ['a state given twice', '/callback?state=a&state=b'],
  ])('is refused with %s', async (_, path) => {
    const response = await new Browser().open(new URL(path, bed.url));
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('text/html');
  });

  test('may have unknown parameters, which are ignored', async () => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email });
    back.searchParams.set('new_at_google', 'x'.repeat(2000));
    expect((await browser.open(back)).status).toBe(200);
  });

  test('does not show an error text that a third party put into the link', async () => {
    const { browser, consent } = await begin();
    const state = consent.searchParams.get('state') ?? '';
    const response = await browser.open(`${bed.url}/callback?state=${state}&error=%3Cscript%3E`);
    expect(response.text).toContain('unknown_error');
    expect(response.text).not.toContain('script>');
  });

  describe('the outcome for the app', () => {
    const returning = { return_to: `${APP}/settings?tab=google` };
    const locationOf = (response: { status: number; headers: Headers }) => {
      expect(response.status).toBe(303);
      return response.headers.get('location');
    };

    test('is success', async () => {
      const response = await bed.api.connect({ ...ticket, ...returning }, { account: ALICE.email });
      expect(locationOf(response)).toBe(`${APP}/settings?tab=google&connect=success`);
    });

    test('is partial when a tick is missing', async () => {
      const response = await bed.api.connect(
        { ...ticket, scope: `${YOUTUBE} ${YOUTUBE_MONEY}`, ...returning },
        { account: ALICE.email, untick: [YOUTUBE_MONEY] },
      );
      expect(locationOf(response)).toBe(`${APP}/settings?tab=google&connect=partial`);
      const [grant] = await grants();
      expect(grant?.['granted_scopes']).not.toContain(YOUTUBE_MONEY);
      expect(grant?.['requested_scopes']).toContain(YOUTUBE_MONEY);
    });

    test('is denied when the user says no', async () => {
      const response = await bed.api.connect(
        { ...ticket, ...returning },
        { account: ALICE.email, deny: true },
      );
      expect(locationOf(response)).toBe(
        `${APP}/settings?tab=google&connect=denied&connect_error=access_denied`,
      );
      expect(await grants()).toHaveLength(0);
    });

    test.each([
      [{ status: 503, body: 'busy' }, 'google_unavailable'],
      [{ named: 'malformed_auth_code' }, 'code_rejected'],
      [{ named: 'invalid_client_secret' }, 'client_misconfigured'],
      [{ named: 'admin_policy_enforced' }, 'policy_rejected'],
      [{ drop: true }, 'google_unavailable'],
      [{ drop: true, afterProcessing: true }, 'google_unavailable'],
    ])('is failed when the exchange fails with %j, and the code is sent once', async (fault, code) => {
      bed.google.control.failAlways('token', fault as never);
      const response = await bed.api.connect({ ...ticket, ...returning }, { account: ALICE.email });
      expect(locationOf(response)).toBe(`${APP}/settings?tab=google&connect=failed&connect_error=${code}`);
      expect(bed.google.control.count('token')).toBe(1);
      expect(await grants()).toHaveLength(0);
    });

    test('is not affected by conditions of null, and the other conditions hold', async () => {
      const require_account = { email: ALICE.email, sub: null, hd: null };
      const response = await bed.api.connect(
        { ...ticket, ...returning, require_account },
        { account: ALICE.email },
      );
      expect(locationOf(response)).toContain('connect=success');
    });

    test.each([
      ['email', { email: BOB.email }, BOB.email, BOB.email],
      ['domain', { hd: 'example.org' }, 'an account of', null],
      ['sub', { sub: BOB.sub }, 'the account that it asked for', BOB.sub],
    ])(
      'is failed for an account without the required %s, after a page that names both and starts again',
      async (_, require_account, wanted, hint) => {
        const { browser, consent, url } = await begin({ ...returning, require_account });
        for (const name of ['login_hint', 'hd']) consent.searchParams.delete(name);
        const page = await browser.open(await visitConsent(consent, { account: ALICE.email }));
        expect(await grants()).toHaveLength(0);
        for (const again of [page, await browser.open(url)]) {
          expect(again.status).toBe(200);
          for (const words of ['Another Google account is needed', ALICE.email, wanted]) {
            expect(again.text).toContain(words);
          }
        }
        const back = /<a class="button second" href="([^"]+)"/.exec(page.text)?.[1] ?? '';
        expect(back.replaceAll('&amp;', '&')).toBe(
          `${APP}/settings?tab=google&connect=failed&connect_error=wrong_account`,
        );
        const link = /<a class="button" href="([^"]+)"/.exec(page.text)?.[1] ?? '';
        const other = await new Browser().begin(link);
        expect(other.searchParams.get('login_hint')).toBe(hint);
        expect(other.searchParams.get('hd')).toBe('hd' in require_account ? 'example.org' : null);
      },
    );

    test('is failed without another try once the link has expired, and the way back is the main button', async () => {
      const { browser, consent, url } = await begin({ ...returning, require_account: { email: BOB.email } });
      consent.searchParams.delete('login_hint');
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      bed.clock.advance(31 * 60);
      const { text } = await browser.open(url);
      expect(text).not.toContain('/connect?ticket=');
      expect(text).toContain(`<a class="button" href="${APP}/settings?tab=google&amp;connect=failed`);
    });

    test('suggests no account again that was refused for its domain', async () => {
      const ticketOf = { ...returning, require_account: { hd: 'example.org' }, account_hint: ALICE.email };
      const { browser, consent } = await begin(ticketOf);
      consent.searchParams.delete('hd');
      const page = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const link = /<a class="button" href="([^"]+)"/.exec(page.text)?.[1] ?? '';
      expect((await new Browser().begin(link)).searchParams.get('login_hint')).toBeNull();
    });
  });

  describe('the page for a user without a return_to', () => {
    test('says in plain words that the consent was denied, and the next step', async () => {
      const response = await bed.api.connect(ticket, { account: ALICE.email, deny: true });
      expect(response.text).toContain('Not connected');
      const link = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(response.text)?.[1] ?? '';
      expect((await new Browser().connect(link, { account: ALICE.email })).text).toContain('Connected');
    });

    test.each(
      fewOf<readonly [string, FailurePage, object]>(
        [
          ['a rejected code', 'code_rejected', { named: 'malformed_auth_code' }],
          ['a client whose secret was replaced', 'client_misconfigured', { named: 'invalid_client_secret' }],
          ['an account outside the organisation', 'org_internal', refusedWith('org_internal')],
          ['an unknown scope', 'scope_rejected', { named: 'invalid_scope' }],
          ['a policy of the Workspace', 'policy_rejected', { named: 'admin_policy_enforced' }],
          ['an outage', 'google_unavailable', { status: 503, body: 'busy' }],
        ],
        3,
      ),
    )('says after %s what the row of the failure has for its user', async (_, page, fault) => {
      bed.google.control.failAlways('token', fault as never);
      const answer = await bed.api.connect(ticket, { account: ALICE.email });
      expect(answer.text).toContain(FAILURE_PAGES[page]);
    });

    test.each(
      fewOf<readonly [string, FailurePage]>([
        ['server_error', 'google_refused'],
        ['org_internal', 'org_internal'],
        ['made_up', 'google_refused'],
      ]),
    )('says after an authorization response with %s what its row has for its user', async (error, page) => {
      const { browser, consent } = await begin();
      const back = await visitConsent(consent, { account: ALICE.email });
      back.searchParams.set('error', error);
      expect((await browser.open(back)).text).toContain(FAILURE_PAGES[page]);
    });

    test.each(
      fewOf([
        ['en', 'the organization that this app belongs to'],
        ['de', 'Organisation verwenden, zu der sie gehört'],
        ['fr', 'l’organisation à laquelle appartient cette application'],
        ['id', 'organisasi pemilik aplikasi ini'],
      ]),
    )('says in %s whose accounts may use an Internal app', async (locale, text) => {
      const { browser, consent } = await begin({ locale });
      const back = await visitConsent(consent, { account: ALICE.email });
      back.searchParams.set('error', 'org_internal');
      expect((await browser.open(back)).text).toContain(text);
    });

    test('says what was not allowed, and the next step', async () => {
      const scope = `${YOUTUBE} ${YOUTUBE_MONEY}`;
      const response = await bed.api.connect(
        { ...ticket, scope },
        { account: ALICE.email, untick: [YOUTUBE_MONEY] },
      );
      expect(response.text).toContain('Connected in part');
      expect(response.text).toContain(YOUTUBE_MONEY);
      expect(response.text).toContain('Try again');
    });

    test('leads after a partial consent to one for the missing scopes alone, with the same account', async () => {
      const response = await bed.api.connect(
        { ...ticket, scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
        { account: ALICE.email, untick: [YOUTUBE_MONEY] },
      );
      const link = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(response.text)?.[1] ?? '';
      const browser = new Browser();
      const consent = await browser.begin(link);
      const asked = (consent.searchParams.get('scope') ?? '').split(' ');
      expect(asked).toContain(YOUTUBE_MONEY);
      expect(asked).not.toContain(YOUTUBE);
      expect(consent.searchParams.get('login_hint')).toBe(ALICE.email);
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const [grant] = await grants();
      expect(grant?.['granted_scopes']).toEqual(expect.arrayContaining([YOUTUBE, YOUTUBE_MONEY]));
    });
  });

  describe('the refresh token', () => {
    test('is kept by a second connect without a new consent', async () => {
      await bed.api.connect(ticket, { account: ALICE.email });
      const held = async () => {
        const row = await bed.app.get(Database).grant.findFirstOrThrow({ where: { userId: 'alice' } });
        const { sealedRefreshToken: sealed, credentialVersion } = row;
        const credential = { sealed: sealed ?? '', credentialVersion };
        return (await bed.app.get(CredentialSealer).open(fromRow(row), credential)).reveal();
      };
      const first = await held();
      const { browser, consent } = await begin({ account_hint: ALICE.email, another_account: true });
      expect(consent.searchParams.has('prompt')).toBe(false);
      expect((await browser.open(await visitConsent(consent, { account: ALICE.email }))).status).toBe(200);
      const [second] = await grants();
      expect(first).toMatch(/^1\/\//);
      expect(await held()).toBe(first);
      expect(second?.['version']).toBe(2);
      expect(await bed.sql('SELECT * FROM refresh_tokens')).toHaveLength(1);
    });

    test('is requested once more with prompt=consent where none comes and none is stored', async () => {
      // Google knows Alice through another user of the broker, and would stay silent; the broker holds a grant of Bob only.
      await bed.api.connect({ ...ticket, user_id: 'another-user' }, { account: ALICE.email });
      await bed.api.connect(ticket, { account: BOB.email });
      const { browser, consent } = await begin({ another_account: true });
      expect(consent.searchParams.get('prompt')).toBe('select_account');
      const again = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect(again.status).toBe(303);
      const second = new URL(again.headers.get('location') ?? '');
      expect(second.searchParams.get('prompt')).toBe('consent');
      expect(second.searchParams.get('login_hint')).toBe(ALICE.email);
      const done = await browser.open(await visitConsent(second, { account: ALICE.email }));
      expect(done.text).toContain('Connected');
    });

    test('is needed for an active grant, also where the grant ends while a consent without one is stored', async () => {
      await bed.api.connect(ticket, { account: ALICE.email });
      const { browser, consent } = await begin({ account_hint: ALICE.email, another_account: true });
      const back = await visitConsent(consent, { account: ALICE.email });
      // A refresh of another replica finds the token dead, and has not committed yet.
      await bed.sql('BEGIN');
      await bed.sql(
        "UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, version = version + 1",
      );
      const storing = browser.open(back);
      await until(async () => (await bed.sql(BLOCKED_SESSIONS))[0]?.['count'] !== 0);
      await bed.sql('COMMIT');
      const again = await storing;
      expect(again.status).toBe(303);
      expect(new URL(again.headers.get('location') ?? '').searchParams.get('prompt')).toBe('consent');
      expect((await grants())[0]?.['status']).toBe('reconnect_required');
    });

    test('is reported missing on the page when Google gives none even then, and nothing is stored', async () => {
      bed.google.control.overrideTokenResponse({ refresh_token: undefined });
      const response = await bed.api.connect(ticket, { account: ALICE.email });
      expect(response.text).toContain('no_refresh_token');
      expect(await grants()).toHaveLength(0);
    });
  });

  test('is refused with an id_token of another nonce', async () => {
    const { browser, consent } = await begin();
    consent.searchParams.set('nonce', 'of-another-user');
    const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
    expect(response.text).toContain('That did not work');
    expect(await grants()).toHaveLength(0);
  });

  exhaustive.test('keeps scopes of an earlier connect that come along', async () => {
    await bed.api.connect(ticket, { account: ALICE.email });
    await bed.api.connect({ ...ticket, scope: ADS }, { account: ALICE.email });
    const [grant] = await grants();
    expect(grant?.['granted_scopes']).toEqual(expect.arrayContaining([YOUTUBE, ADS]));
    expect(grant?.['requested_scopes']).toEqual([ADS, YOUTUBE].sort());
  });
});

function refusedWith(error: string): object {
  return { status: 400, body: { error } };
}
