/** A consent yields what this user was asked for, and never what the account granted for another user or client. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exhaustive } from '../support/exhaustive.js';
import { type ApiResponse, Browser } from '../support/api.js';
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
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const SIGN_IN = [EMAIL, 'openid'];

describe('the scopes of a consent', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    // alice@ granted a lot, for the user alice.
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
  });
  afterAll(() => bed.stop());

  const grantOf = async (userId: string) => {
    const [row] = await bed.sql('SELECT * FROM grants WHERE user_id = $1', [userId]);
    return row as { granted_scopes: string[]; requested_scopes: string[]; version: number } | undefined;
  };
  const scopesOf = ({ body }: ApiResponse) => String(body['scope']).split(' ').sort();
  /** What Google says the token is good for, whatever the broker says. */
  const scopesAtGoogle = async ({ body }: ApiResponse) => {
    const url = `${bed.google.url}/tokeninfo?access_token=${String(body['access_token'])}`;
    const info = (await (await fetch(url)).json()) as { scope: string };
    return info.scope.split(' ').sort();
  };
  const begin = async (ticket: Record<string, unknown>) => {
    const browser = new Browser();
    return { browser, consent: await browser.begin(await bed.api.connectUrl(ticket)) };
  };
  const events = async (userId: string) => {
    await bed.app.get(AuditLog).flush();
    const rows = await bed.sql(
      "SELECT outcome, details FROM audit_trail WHERE user_id = $1 AND action LIKE 'connect.co%' ORDER BY sequence",
      [userId],
    );
    return rows as { outcome: string; details: Record<string, unknown> }[];
  };

  test.each(['default', 'second'])(
    'give mallory-1 with a ticket for email no more than alice@ consented to, for the client %s',
    async (client) => {
      const ticket = { user_id: 'mallory-1', scope: 'email', client };
      const { browser, consent } = await begin(ticket);
      expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect((await grantOf('mallory-1'))?.granted_scopes.sort()).toEqual(SIGN_IN);
      const token = await bed.api.token('mallory-1', { client });
      expect(scopesOf(token)).toEqual(SIGN_IN);
      expect(await scopesAtGoogle(token)).toEqual(SIGN_IN);
      const wider = await bed.api.token('mallory-1', { client, scope: ADS });
      expect(wider.status).toBe(403);
      expect(wider.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
    },
  );

  test('keep the other scopes from every caller and report them, whatever Google answers', async () => {
    const { browser, consent } = await begin({ user_id: 'mallory-2', scope: 'email' });
    // As if Google included it all by itself.
    consent.searchParams.set('include_granted_scopes', 'true');
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    expect((await grantOf('mallory-2'))?.granted_scopes.sort()).toEqual(SIGN_IN);
    expect(await events('mallory-2')).toMatchObject([
      { outcome: 'ok', details: { scopes: SIGN_IN, unrequested_scopes: [ADS, YOUTUBE].sort() } },
    ]);
    // The access token of the exchange covers more: no caller gets it, now and after each refresh.
    for (let hour = 0; hour < 2; hour++) {
      const token = await bed.api.token('mallory-2');
      expect(scopesOf(token)).toEqual(SIGN_IN);
      expect(await scopesAtGoogle(token)).toEqual(SIGN_IN);
      bed.clock.advance(3600);
    }
    const { text } = await bed.api.get('/users/mallory-2/grants');
    expect(text).not.toContain(ADS);
    expect((await grantOf('mallory-2'))?.granted_scopes.sort()).toEqual(SIGN_IN);
  });

  test('keep a token from every caller when it covers more than the grant and Google does not narrow it', async () => {
    const { browser, consent } = await begin({ user_id: 'mallory-1', scope: 'email' });
    consent.searchParams.set('include_granted_scopes', 'true');
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    bed.google.control.overrideTokenResponse({ scope: `${ADS} ${SIGN_IN.join(' ')}` });
    const response = await bed.api.token('mallory-1');
    expect(response.status).toBe(403);
    expect(response.text).not.toContain('ya29.');
    expect((await grantOf('mallory-1'))?.granted_scopes.sort()).toEqual(SIGN_IN);
    expect(await bed.sql('SELECT * FROM access_tokens WHERE scope_set LIKE $1', [`%${ADS}%`])).toHaveLength(
      1,
    );
  });

  test('are narrowed by a refresh token that covers more and less than the grant, and widened by none', async () => {
    const { browser, consent } = await begin({ user_id: 'mallory-1', scope: YOUTUBE });
    consent.searchParams.set('include_granted_scopes', 'true');
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    bed.google.control.failNext('token', { named: 'invalid_scope' });
    bed.google.control.overrideTokenResponse({ scope: `${ADS} ${SIGN_IN.join(' ')}` }, 1);
    const response = await bed.api.token('mallory-1');
    expect(scopesOf(response)).toEqual(SIGN_IN);
    expect(await scopesAtGoogle(response)).toEqual(SIGN_IN);
  });

  exhaustive.test('make the broker refuse a wider token where narrowing is off', async () => {
    await bed.restart({ NARROW_SCOPES: 'false' });
    try {
      const { browser, consent } = await begin({ user_id: 'mallory-1', scope: 'email' });
      consent.searchParams.set('include_granted_scopes', 'true');
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const response = await bed.api.token('mallory-1');
      expect(response.status).toBe(403);
      expect(response.text).not.toContain('ya29.');
      // One that covers exactly its grant is good.
      expect((await bed.api.token('alice')).status).toBe(200);
    } finally {
      await bed.restart();
    }
  });

  test('yield no more in confirm mode, and the completion reports the other scopes', async () => {
    const { browser, consent } = await begin({
      user_id: 'mallory-3',
      scope: 'email',
      confirm: true,
      return_to: `${APP}/done`,
    });
    consent.searchParams.set('include_granted_scopes', 'true');
    const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const done = await bed.api.post('/connect/completions', { code, user_id: 'mallory-3' });
    expect(done.body).toMatchObject({ connect: 'success' });
    expect(scopesOf(await bed.api.token('mallory-3'))).toEqual(SIGN_IN);
    const all = await events('mallory-3');
    expect(all.at(-1)).toMatchObject({ details: { unrequested_scopes: [ADS, YOUTUBE].sort() } });
  });

  test('cut a grant that was stored whole before down to what was requested', async () => {
    await bed.api.connect({ user_id: 'bob', scope: 'email' }, { account: ALICE.email });
    await bed.sql('UPDATE grants SET granted_scopes = $1, version = version + 1 WHERE user_id = $2', [
      [ADS, YOUTUBE, ...SIGN_IN],
      'bob',
    ]);
    const token = await bed.api.token('bob');
    expect(scopesOf(token)).toEqual(SIGN_IN);
    expect((await bed.api.get('/users/bob/grants')).text).not.toContain(ADS);
    expect((await bed.api.token('bob', { scope: ADS })).status).toBe(403);
  });

  describe('more scopes for an existing grant', () => {
    test('keep what was held with include_granted_scopes, where the account is named', async () => {
      const { browser, consent } = await begin({
        user_id: 'alice',
        scope: YOUTUBE_MONEY,
        account_hint: ALICE.email,
      });
      expect(consent.searchParams.get('include_granted_scopes')).toBe('true');
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect((await grantOf('alice'))?.granted_scopes).toEqual(
        [ADS, YOUTUBE, YOUTUBE_MONEY, ...SIGN_IN].sort(),
      );
      bed.clock.advance(3600);
      expect(scopesOf(await bed.api.token('alice'))).toEqual(
        [ADS, YOUTUBE, YOUTUBE_MONEY, ...SIGN_IN].sort(),
      );
    });

    test('include nothing before a sign-in identifies the account, where none is named', async () => {
      const { browser, consent } = await begin({ user_id: 'alice', scope: YOUTUBE_MONEY });
      expect(consent.searchParams.get('access_type')).toBe('online');
      expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
      const next = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const second = new URL(next.headers.get('location') ?? '');
      expect(second.searchParams.get('include_granted_scopes')).toBe('true');
      expect(second.searchParams.get('login_hint')).toBe(ALICE.email);
      await browser.open(await visitConsent(second, { account: ALICE.email }));
      expect((await grantOf('alice'))?.granted_scopes).toContain(ADS);
      expect((await grantOf('alice'))?.granted_scopes).toContain(YOUTUBE_MONEY);
    });

    exhaustive.test('include nothing where no account is named and another one came', async () => {
      const { browser, consent } = await begin({ user_id: 'alice', scope: YOUTUBE_MONEY });
      const next = await browser.open(await visitConsent(consent, { account: BOB.email }));
      const second = new URL(next.headers.get('location') ?? '');
      expect(second.searchParams.has('include_granted_scopes')).toBe(false);
      await browser.open(await visitConsent(second, { account: BOB.email }));
      const rows = await bed.sql('SELECT granted_scopes FROM grants WHERE account_sub = $1', [BOB.sub]);
      expect(rows).toEqual([{ granted_scopes: [EMAIL, YOUTUBE_MONEY, 'openid'].sort() }]);
    });

    exhaustive.test(
      'leave out those that other users granted with an account other than the hint',
      async () => {
        // bob@ granted Ads for another user.
        await bed.api.connect({ user_id: 'another', scope: ADS }, { account: BOB.email });
        const { browser, consent } = await begin({
          user_id: 'alice',
          scope: YOUTUBE_MONEY,
          account_hint: ALICE.email,
        });
        expect(consent.searchParams.get('include_granted_scopes')).toBe('true');
        consent.searchParams.delete('login_hint');
        await browser.open(await visitConsent(consent, { account: BOB.email }));
        const token = await bed.api.token('alice', { account: BOB.email });
        expect(scopesOf(token)).toEqual([EMAIL, YOUTUBE_MONEY, 'openid'].sort());
        expect(await scopesAtGoogle(token)).toEqual([EMAIL, YOUTUBE_MONEY, 'openid'].sort());
      },
    );

    test('keep what was held after a second request, where a new account was expected and a held one came', async () => {
      const { browser, consent } = await begin({
        user_id: 'alice',
        scope: YOUTUBE_MONEY,
        account_hint: BOB.email,
      });
      expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
      consent.searchParams.delete('login_hint');
      const next = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const second = new URL(next.headers.get('location') ?? '');
      expect(second.searchParams.get('include_granted_scopes')).toBe('true');
      await browser.open(await visitConsent(second, { account: ALICE.email }));
      expect((await grantOf('alice'))?.granted_scopes).toEqual(
        [ADS, YOUTUBE, YOUTUBE_MONEY, ...SIGN_IN].sort(),
      );
    });

    exhaustive.test('need a refresh token of this grant for one that only the project holds', async () => {
      // The project has it, so Google would stay silent, and the refresh token that is held does not cover it.
      await bed.api.connect({ user_id: 'other', scope: YOUTUBE_MONEY }, { account: ALICE.email });
      const { browser, consent } = await begin({
        user_id: 'alice',
        scope: YOUTUBE_MONEY,
        account_hint: ALICE.email,
      });
      expect(consent.searchParams.get('prompt')).toBe('consent');
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      bed.clock.advance(3600);
      const token = await bed.api.token('alice', { scope: YOUTUBE_MONEY });
      expect(await scopesAtGoogle(token)).toContain(YOUTUBE_MONEY);
    });

    test('of a new grant take none over from a dead one', async () => {
      bed.google.control.revokeByUser(ALICE.sub, 'project-a');
      bed.clock.advance(3600);
      expect((await bed.api.token('alice')).status).toBe(410);
      bed.google.control.issueRefreshToken(ALICE.sub, 'second', [ADS]);
      const { browser, consent } = await begin({ user_id: 'alice', scope: 'email', account_hint: ALICE.sub });
      expect(consent.searchParams.has('include_granted_scopes')).toBe(false);
      await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect((await grantOf('alice'))?.granted_scopes.sort()).toEqual(SIGN_IN);
    });
  });
});
