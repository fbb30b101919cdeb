/** The pages between the authorization request and the response: account chooser, consent, or none. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Choice, visitConsent } from '../support/visit-consent.js';
import {
  ada,
  adwords,
  ben,
  calendar,
  sibling,
  startGoogle,
  stranger,
  type TestGoogle,
  userinfoEmail,
  userinfoProfile,
  ytAnalytics,
} from './test-google.js';

let google: TestGoogle;
beforeAll(async () => {
  google = await startGoogle();
});
beforeEach(() => {
  google.control.reset();
});
afterAll(() => google.close());

type Parameters = Record<string, string | undefined>;

/** The authorization response, as plain fields. */
async function cameBack(parameters: Parameters, choice: Partial<Choice> = {}): Promise<Parameters> {
  const back = await visitConsent(google.authorizationUrl(parameters), { account: ada.email, ...choice });
  return Object.fromEntries(back.searchParams);
}

async function pageOf(parameters: Parameters, cookie = ''): Promise<string> {
  const response = await fetch(google.authorizationUrl(parameters), {
    redirect: 'manual',
    headers: { cookie },
  });
  return response.text();
}

const isConsent = (page: string) => page.includes('>Continue</button>');
const isChooser = (page: string) => page.includes('<h1>Choose an account</h1>');
const scopesOf = (parameters: Parameters) => new Set(parameters['scope']?.split(' '));

describe('the redirect back', () => {
  test('has state, issuer, code, scopes and account with sign-in scopes', async () => {
    const { code, scope, ...rest } = await cameBack({ scope: 'email profile', state: 'with spaces & signs' });
    expect(rest).toEqual({
      state: 'with spaces & signs',
      iss: google.url,
      authuser: '0',
      hd: 'example.com',
      prompt: 'consent',
    });
    expect(code).toMatch(/^4\/[\w-]+$/);
    expect(code?.length).toBeLessThanOrEqual(256);
    expect(new Set(scope?.split(' '))).toEqual(new Set(['openid', userinfoEmail, userinfoProfile]));
  });

  test('leaves authuser, hd and prompt out with API scopes only', async () => {
    const back = await cameBack({ scope: ytAnalytics });
    expect(Object.keys(back).sort()).toEqual(['code', 'iss', 'scope', 'state']);
  });

  test('has no state when none was sent, and no hd for an account without a domain', async () => {
    const back = await cameBack({ scope: 'openid', state: undefined }, { account: ben.email });
    expect(back).not.toHaveProperty('state');
    expect(back).not.toHaveProperty('hd');
  });

  test('names scopes in another order than requested', async () => {
    const asked = [adwords, calendar, ytAnalytics];
    const { scope } = await cameBack({ scope: asked.join(' ') });
    expect(scope?.split(' ')).not.toEqual(asked);
    expect(new Set(scope?.split(' '))).toEqual(new Set(asked));
  });

  test('keeps a query the redirect URI already has', async () => {
    const url = google.authorizationUrl({
      client_id: 'desktop.apps.googleusercontent.com',
      redirect_uri: 'http://localhost/?own=1',
    });
    const back = await visitConsent(url, { account: ada.email });
    expect(back.searchParams.get('own')).toBe('1');
  });
});

describe('the ticks', () => {
  test('are all set to begin with, and unticking one grants the others', async () => {
    const back = await cameBack({ scope: `${ytAnalytics} ${adwords}` }, { untick: [adwords] });
    expect(scopesOf(back)).toEqual(new Set([ytAnalytics]));
  });

  test('cannot be removed from sign-in scopes', async () => {
    const asked = { scope: `openid email ${ytAnalytics}` };
    await expect(cameBack(asked, { untick: [userinfoEmail] })).rejects.toThrow('cannot be unticked');
    const back = await cameBack(asked, { untick: [ytAnalytics] });
    expect(scopesOf(back)).toEqual(new Set(['openid', userinfoEmail]));
  });

  test('do not exist for a single scope, nor for sign-in alone', async () => {
    expect(await pageOf({ scope: ytAnalytics, login_hint: ada.sub })).not.toContain('type="checkbox"');
    expect(await pageOf({ scope: 'openid email profile', login_hint: ada.sub })).not.toContain(
      'type="checkbox"',
    );
    expect(await pageOf({ scope: `${ytAnalytics} openid`, login_hint: ada.sub })).toContain(
      'type="checkbox"',
    );
  });

  test('mean a denial when none is set', async () => {
    const back = await cameBack({ scope: `${ytAnalytics} ${adwords}` }, { untick: [ytAnalytics, adwords] });
    expect(back).toEqual({ error: 'access_denied', state: 'a state' });
  });

  test('do not count after Cancel, which is a denial and grants nothing', async () => {
    expect(await cameBack({}, { deny: true })).toEqual({ error: 'access_denied', state: 'a state' });
    expect(isConsent(await pageOf({ login_hint: ada.sub }))).toBe(true);
  });

  test('get nothing from a form that asks for more than the app did', async () => {
    const search = new URL(google.authorizationUrl({ scope: `${ytAnalytics} openid` })).search;
    const response = await fetch(`${google.url}/o/oauth2/v2/auth/consent${search}`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams([
        ['account', ada.sub],
        ['decision', 'allow'],
        ['scope', ytAnalytics],
        ['scope', adwords],
      ]),
    });
    const back = new URL(response.headers.get('location') ?? '');
    expect(back.searchParams.get('scope')?.split(' ').sort()).toEqual([ytAnalytics, 'openid']);
  });
});

describe('the account', () => {
  test('is chosen from all accounts when nothing names one', async () => {
    const page = await pageOf({});
    expect(isChooser(page)).toBe(true);
    expect(page).toContain(ada.email);
    expect(page).toContain(ben.email);
  });

  test.each([ben.email, ben.sub, 'BEN@gmail.com'])('is taken from login_hint %s', async (login_hint) => {
    const page = await pageOf({ login_hint });
    expect(isConsent(page)).toBe(true);
    expect(page).toContain(ben.email);
    expect(page).not.toContain(ada.email);
  });

  test('is shown when login_hint matches no account', async () => {
    expect(isChooser(await pageOf({ login_hint: 'carl@example.com' }))).toBe(true);
  });

  test('is asked for in spite of a hint with prompt=select_account', async () => {
    expect(isChooser(await pageOf({ login_hint: ada.sub, prompt: 'select_account' }))).toBe(true);
    expect(isChooser(await pageOf({ login_hint: ada.sub, prompt: 'consent select_account' }))).toBe(true);
  });

  test('can be another than the hint said', async () => {
    const back = await cameBack({ scope: 'openid', login_hint: ada.email }, { account: ben.email });
    const { body } = await google.exchange(back['code'] ?? '');
    expect(JSON.parse(atob(body.id_token?.split('.')[1] ?? ''))).toHaveProperty('sub', ben.sub);
  });

  test('is remembered by the browser', async () => {
    const search = new URL(google.authorizationUrl()).search;
    const chosen = await fetch(`${google.url}/o/oauth2/v2/auth/account${search}`, {
      method: 'POST',
      body: new URLSearchParams({ account: ben.sub }),
    });
    const cookie = chosen.headers.get('set-cookie')?.split(';')[0] ?? '';
    const page = await pageOf({}, `other=1; ${cookie}`);
    expect(isConsent(page)).toBe(true);
    expect(page).toContain(ben.email);
    expect(isChooser(await pageOf({ prompt: 'select_account' }, cookie))).toBe(true);
  });

  test('is offered from one domain only when hd says so', async () => {
    expect(await pageOf({ hd: 'example.com' })).not.toContain(ben.email);
    expect(await pageOf({ hd: '*' })).not.toContain(ben.email);
    expect(await pageOf({ hd: 'other.example' })).not.toContain(ada.email);
  });
});

describe('a second visit', () => {
  test('shows no page and gives no refresh token, even for offline access', async () => {
    await google.connect({ scope: `openid ${ytAnalytics}` });
    const again = { scope: ytAnalytics, login_hint: ada.email };
    expect(await pageOf(again)).toBe('');
    expect(await google.connect(again)).not.toHaveProperty('refresh_token');
  });

  test('has a redirect that says that nothing was shown', async () => {
    await google.connect({ scope: 'openid' });
    expect(await cameBack({ scope: 'openid' })).toHaveProperty('prompt', 'none');
  });

  test('asks again with prompt=consent, and gives a refresh token', async () => {
    await google.connect();
    expect(await google.connect({ prompt: 'consent' })).toHaveProperty('refresh_token');
  });

  test('asks again for a new scope, and shows which ones are new', async () => {
    await google.connect();
    const page = await pageOf({ scope: `${ytAnalytics} ${adwords}`, login_hint: ada.sub });
    expect(page.match(/already allowed/g)).toHaveLength(1);
  });

  test('needs no consent for all clients of the project, but for another project or account', async () => {
    await google.connect();
    expect(await pageOf({ client_id: sibling.clientId, login_hint: ada.sub })).toBe('');
    expect(isConsent(await pageOf({ client_id: stranger.clientId, login_hint: ada.sub }))).toBe(true);
    expect(isConsent(await pageOf({ login_hint: ben.sub }))).toBe(true);
  });
});

describe('prompt=none', () => {
  test('goes through when the person has agreed before', async () => {
    await google.connect();
    expect(await cameBack({ prompt: 'none', login_hint: ada.sub })).toHaveProperty('code');
  });

  test.each([
    ['no consent yet', { login_hint: ada.sub }],
    ['it is not known who', {}],
  ])('is interaction_required when %s', async (_when, parameters) => {
    expect(await cameBack({ prompt: 'none', ...parameters })).toEqual({
      error: 'interaction_required',
      error_subtype: 'access_denied',
      state: 'a state',
    });
  });
});

describe('include_granted_scopes', () => {
  const more = { scope: adwords, include_granted_scopes: 'true' };

  test('adds what the project already has, also through its other clients', async () => {
    await google.connect({ client_id: sibling.clientId, scope: `openid ${calendar}` });
    await google.connect();
    const tokens = await google.connect(more);
    const all = new Set(['openid', calendar, ytAnalytics, adwords]);
    expect(new Set(tokens.scope.split(' '))).toEqual(all);
    const { body } = await google.refresh(tokens.refresh_token);
    expect(new Set(body.scope.split(' '))).toEqual(all);
  });

  test('adds nothing of other projects or accounts', async () => {
    await google.connect({ client_id: stranger.clientId, scope: calendar });
    await google.connect({ scope: ytAnalytics }, { account: ben.email });
    expect(scopesOf(await cameBack(more))).toEqual(new Set([adwords]));
  });

  test('gives the token the new scopes only where it is left out', async () => {
    await google.connect();
    expect(scopesOf(await cameBack({ scope: adwords }))).toEqual(new Set([adwords]));
  });

  test('works for a silent consent as well', async () => {
    await google.connect({ scope: `${ytAnalytics} ${adwords}` });
    expect(scopesOf(await cameBack(more))).toEqual(new Set([ytAnalytics, adwords]));
  });
});

test('the page shows app, account and scopes in words, and that it is a stand-in', async () => {
  const page = await pageOf({
    scope: `${ytAnalytics} https://www.googleapis.com/auth/some.thing`,
    login_hint: ben.sub,
  });
  expect(page).toContain('Channel Insights');
  expect(page).toContain('Ben &lt;Franklin>');
  expect(page).toContain('View YouTube Analytics reports for your YouTube content');
  expect(page).toContain(`<code>${ytAnalytics}</code>`);
  expect(page).toContain('some.thing');
  expect(page).toContain('stand-in for Google');
  expect(page).not.toContain('<script');
});
