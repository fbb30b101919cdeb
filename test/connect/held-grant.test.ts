import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectTickets } from '../../src/connect-tickets/connect-tickets.service.js';
import { Browser } from '../support/api.js';
import { fewOf } from '../support/exhaustive.js';
import { ADS, ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';

describe('a connect whose scopes are all held', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
    bed.google.control.clearRequests();
  });
  afterAll(() => bed.stop());

  const press = async (more: Record<string, unknown> = {}, browser = new Browser()) => {
    const url = new URL(
      await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, return_to: `${APP}/done`, ...more }),
    );
    const fields = { ticket: url.searchParams.get('ticket') ?? '' };
    return { url, response: await browser.submit(new URL('/connect', url), fields) };
  };

  test.each(
    fewOf([
      ['as it is', {}],
      ['with the account named', { account_hint: ALICE.email }],
      ['with the account required', { require_account: { sub: ALICE.sub } }],
      ['asking for email, which Google calls otherwise', { scope: `email openid ${YOUTUBE}` }],
    ]),
  )('asks Google whether it still is, shows no page of Google’s and takes no slot %s', async (_, more) => {
    const { response } = await press(more);
    expect(response.headers.get('location')).toBe(`${APP}/done?connect=success`);
    const asked = bed.google.control.requests.map(({ endpoint, grantType }) => [endpoint, grantType]);
    expect(asked).toEqual([['token', 'refresh_token']]);
    expect(await bed.sql('SELECT * FROM refresh_tokens')).toHaveLength(1);
  });

  test.each(
    fewOf(
      [
        ['a scope more', { scope: `${YOUTUBE} https://www.googleapis.com/auth/youtube` }],
        ['another account', { account_hint: BOB.email }],
        ['one more account, whichever', { another_account: true }],
        ['the consent screen, which its ticket asks for', { prompt: 'consent', account_hint: ALICE.email }],
        [
          'the account chooser, which its ticket asks for',
          { prompt: 'select_account', account_hint: ALICE.email },
        ],
        ['a Workspace domain', { require_account: { hd: 'example.com' } }],
        ['another client', { client: 'second' }],
        ['another user', { user_id: 'bob' }],
      ],
      4,
    ),
  )('goes to Google for %s', async (_, more) => {
    const { response } = await press(more);
    expect(response.headers.get('location')).toContain(`${bed.google.url}/o/oauth2/`);
  });

  test('binds its ticket to the browser', async () => {
    const { url } = await press();
    expect((await new Browser().open(url)).text).toContain('another browser');
  });

  test('goes to Google where the user has revoked the access, of which the broker was not notified', async () => {
    expect((await bed.api.token('alice')).status).toBe(200);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const { response } = await press();
    const consent = new URL(response.headers.get('location') ?? '');
    expect(consent.searchParams.get('prompt')).toBe('consent');
    expect((await bed.api.token('alice')).body).toMatchObject({ code: 'reconnect_required' });
  });

  test.each([
    ['to the app after a sign-in', false],
    ['to a consent after the sign-in of a user who has revoked the access', true],
  ])('goes on %s', async (_, isRevoked) => {
    if (isRevoked) bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const ticket = { user_id: 'alice', scope: YOUTUBE, return_to: `${APP}/done`, another_account: true };
    const browser = new Browser();
    const signIn = await browser.begin(await bed.api.connectUrl(ticket));
    expect(signIn.searchParams.get('prompt')).toBe('select_account');
    const response = await browser.open(await visitConsent(signIn, { account: ALICE.email }));
    const location = new URL(response.headers.get('location') ?? '');
    if (isRevoked) expect(location.searchParams.get('prompt')).toBe('consent');
    else expect(location.href).toBe(`${APP}/done?connect=success`);
  });

  test('counts as it is stored while Google does not answer', async () => {
    bed.google.control.failAlways('token', { status: 503, body: '' });
    const { response } = await press();
    expect(response.headers.get('location')).toBe(`${APP}/done?connect=success`);
  });

  test('goes to Google where the grant is dead', async () => {
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect((await bed.api.token('alice')).status).toBe(410);
    const { response } = await press();
    expect(new URL(response.headers.get('location') ?? '').searchParams.get('prompt')).toBe('consent');
  });

  describe('and whose ticket names a prompt', () => {
    const consentOf = async (more: Record<string, unknown>) => {
      const { response } = await press(more);
      return new URL(response.headers.get('location') ?? '').searchParams;
    };

    test('shows the consent screen, and includes what was granted', async () => {
      const asked = await consentOf({ prompt: 'consent', account_hint: ALICE.email });
      expect(asked.get('prompt')).toBe('consent');
      expect(asked.get('include_granted_scopes')).toBe('true');
    });

    test.each(fewOf(['consent select_account', 'select_account consent'], 1))(
      'shows both pages for %j',
      async (prompt) => {
        const asked = await consentOf({ prompt, user_id: 'bob' });
        expect(asked.get('prompt')).toBe('consent select_account');
      },
    );

    test('has the user choose the account first, and asks for no consent where that account has all', async () => {
      const ticket = { user_id: 'alice', scope: YOUTUBE, return_to: `${APP}/done`, account_hint: BOB.email };
      const browser = new Browser();
      const signIn = await browser.begin(await bed.api.connectUrl({ ...ticket, prompt: 'select_account' }));
      expect(signIn.searchParams.get('prompt')).toBe('select_account');
      expect(signIn.searchParams.has('include_granted_scopes')).toBe(false);
      signIn.searchParams.delete('login_hint');
      const response = await browser.open(await visitConsent(signIn, { account: ALICE.email }));
      expect(response.headers.get('location')).toBe(`${APP}/done?connect=success`);
    });

    test('asks for the consent screen after the choice, where it wants both', async () => {
      const ticket = { user_id: 'alice', scope: YOUTUBE, return_to: `${APP}/done` };
      const browser = new Browser();
      const signIn = await browser.begin(
        await bed.api.connectUrl({ ...ticket, prompt: 'consent select_account' }),
      );
      const next = await browser.open(await visitConsent(signIn, { account: ALICE.email }));
      expect(new URL(next.headers.get('location') ?? '').searchParams.get('prompt')).toBe('consent');
    });

    test.each(fewOf(['none', 'consent none', 'login', '', 'consent consent']))(
      'is refused with %j',
      async (prompt) => {
        const { status, body } = await bed.api.post('/connect/tickets', {
          user_id: 'alice',
          scope: YOUTUBE,
          prompt,
        });
        expect(status).toBe(400);
        expect(body['errors']).toHaveProperty('prompt');
      },
    );
  });

  test('loses what it held by a consent that is not to include it, and names it as missing', async () => {
    const other = 'https://www.googleapis.com/auth/youtube';
    const ticket = {
      user_id: 'alice',
      scope: other,
      account_hint: ALICE.email,
      include_granted_scopes: false,
    };
    const browser = new Browser();
    const consent = await browser.begin(await bed.api.connectUrl(ticket));
    expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    const [grant] = (await bed.api.get('/users/alice/grants')).body['grants'] as Record<string, unknown>[];
    expect(String(grant?.['scope']).split(' ')).toContain(other);
    expect(String(grant?.['scope'])).not.toContain('yt-analytics');
    expect(grant?.['missing_scopes']).toEqual([YOUTUBE, ADS].sort());
    expect((await bed.api.token('alice', { scope: YOUTUBE })).body).toMatchObject({
      code: 'insufficient_scope',
    });
  });

  describe('and whose ticket includes nothing of before', () => {
    const ticket = {
      user_id: 'alice',
      scope: YOUTUBE,
      include_granted_scopes: false,
      return_to: `${APP}/done`,
    };
    const held = async () => {
      const { body } = await bed.api.get('/users/alice/grants');
      const [grant] = body['grants'] as Record<string, unknown>[];
      return String(grant?.['scope']).split(' ');
    };
    const tokens = () => bed.sql('SELECT * FROM refresh_tokens');

    test.each<[string, Record<string, unknown>]>(
      fewOf(
        [
          ['as it is', {}],
          ['with the account named', { account_hint: ALICE.email }],
          ['for one more account', { another_account: true }],
          [
            'for one more account, with another one named',
            { another_account: true, account_hint: BOB.email },
          ],
          ['with the account chooser', { prompt: 'select_account' }],
          [
            'with the account chooser and the account named',
            { prompt: 'select_account', account_hint: ALICE.sub },
          ],
          ['with the consent screen', { prompt: 'consent' }],
        ],
        3,
      ),
    )('gives the other permissions back %s', async (_, more) => {
      const end = await narrow(more);
      expect(end).toBe(`${APP}/done?connect=success`);
      expect(await held()).toContain(YOUTUBE);
      expect(await held()).not.toContain(ADS);
      expect(await tokens()).toHaveLength(2);
    });

    test('gives them back once the app confirms', async () => {
      const code = new URL(await narrow({ confirm: true })).searchParams.get('connect_code');
      expect(await held()).toContain(ADS);
      const confirmed = await bed.api.post('/connect/completions', { code, user_id: 'alice' });
      expect(confirmed.body).toMatchObject({ connect: 'success', missing_scopes: [] });
      expect(await held()).not.toContain(ADS);
    });

    test('goes straight back, and takes no slot, where the grant holds just what it asks for', async () => {
      await narrow({});
      const { response } = await press({ include_granted_scopes: false });
      expect(response.headers.get('location')).toBe(`${APP}/done?connect=success`);
      expect(await tokens()).toHaveLength(2);
    });

    test('keeps what the user allowed when the page asks for the rest', async () => {
      const scope = `${YOUTUBE} ${ADS}`;
      const reasons = { [YOUTUBE]: 'For your charts.', [ADS]: 'For your costs.' };
      const { return_to: _, ...plain } = { ...ticket, scope, reasons };
      await bed.reset();
      const browser = new Browser();
      const choice = { account: ALICE.email, untick: [ADS] };
      const page = await browser.connect(await bed.api.connectUrl(plain), choice);
      const retry = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(page.text)?.[1] ?? '';
      expect(await held()).not.toContain(ADS);
      const consent = await browser.begin(retry);
      expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
      const end = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect(end.text).toContain('Connected');
      expect(await held()).toEqual(expect.arrayContaining([YOUTUBE, ADS]));
    });

    /** Through all of Google's pages. @returns where the browser gets in the end */
    async function narrow(more: Record<string, unknown>): Promise<string> {
      const browser = new Browser();
      let next = (await press({ ...ticket, ...more }, browser)).response.headers.get('location') ?? '';
      while (next.startsWith(bed.google.url)) {
        const url = new URL(next);
        // The account that is suggested is not the one that the user chooses.
        url.searchParams.delete('login_hint');
        const response = await browser.open(await visitConsent(url, { account: ALICE.email }));
        next = response.headers.get('location') ?? response.text;
      }
      return next;
    }
  });

  test('is, after a partial consent of a Workspace domain, added to for the same account only', async () => {
    await bed.reset();
    const ticket = { user_id: 'alice', scope: `${YOUTUBE} ${ADS}`, require_account: { hd: 'example.com' } };
    const choice = { account: ALICE.email, untick: [ADS] };
    const page = await new Browser().connect(await bed.api.connectUrl(ticket), choice);
    const retry = new URL(/href="([^"]*\/connect\?ticket=[^"]+)"/.exec(page.text)?.[1] ?? '');
    const sealed = retry.searchParams.get('ticket') ?? '';
    const { connectRequest } = await bed.app.get(ConnectTickets).open(sealed, 'connect', () => undefined);
    expect(connectRequest.requireAccount).toEqual({ hd: 'example.com', sub: ALICE.sub });
    expect(connectRequest.scopes).toEqual([ADS]);
  });
});
