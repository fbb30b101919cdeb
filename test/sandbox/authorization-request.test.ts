/** Google's validation of an authorization request, with errors on its own page. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { GoogleErrorPage, visitConsent } from '../support/visit-consent.js';
import { ada, desktop, startGoogle, type TestGoogle, web, ytAnalytics } from './test-google.js';

let google: TestGoogle;
beforeAll(async () => {
  google = await startGoogle();
});
beforeEach(() => {
  google.control.reset();
});
afterAll(() => google.close());

async function errorOf(parameters: Record<string, string | undefined>): Promise<string> {
  const error: unknown = await visitConsent(google.authorizationUrl(parameters), {
    account: ada.email,
  }).catch((thrown: unknown) => thrown);
  if (!(error instanceof GoogleErrorPage)) throw new Error(`No error page for ${JSON.stringify(parameters)}`);
  return `${error.status} ${error.code}`;
}

describe('an error page of its own without a redirect', () => {
  test.each([
    ['an unknown client', { client_id: 'unknown' }, '401 invalid_client'],
    [
      'a redirect URI that is not registered',
      { redirect_uri: 'https://evil.example/' },
      '400 redirect_uri_mismatch',
    ],
    [
      'a redirect URI with another trailing slash',
      { redirect_uri: 'https://broker.example.com/callback/' },
      '400 redirect_uri_mismatch',
    ],
    [
      'a redirect URI in other case',
      { redirect_uri: 'https://broker.example.com/Callback' },
      '400 redirect_uri_mismatch',
    ],
    [
      'a loopback redirect URI of a web client',
      { redirect_uri: 'http://localhost:8080/' },
      '400 redirect_uri_mismatch',
    ],
    ['an unknown scope', { scope: `${ytAnalytics} yt-analytics` }, '400 invalid_scope'],
    ['another response type', { response_type: 'token' }, '400 unsupported_response_type'],
    ['no client_id', { client_id: undefined }, '400 invalid_request'],
    ['no redirect_uri', { redirect_uri: undefined }, '400 invalid_request'],
    ['no response_type', { response_type: undefined }, '400 invalid_request'],
    ['no scope', { scope: undefined }, '400 invalid_request'],
    ['an unknown access_type', { access_type: 'forever' }, '400 invalid_request'],
    ['an unknown prompt', { prompt: 'login' }, '400 invalid_request'],
    ['prompt=none with another', { prompt: 'none consent' }, '400 invalid_request'],
    [
      'a challenge that is no SHA-256',
      { code_challenge: 'short', code_challenge_method: 'S256' },
      '400 invalid_request',
    ],
    [
      'an unknown challenge method',
      { code_challenge: 'c'.repeat(43), code_challenge_method: 'S512' },
      '400 invalid_request',
    ],
  ])('is shown for %s', async (_what, parameters, expected) => {
    expect(await errorOf(parameters)).toBe(expected);
  });

  test('is shown for a repeated parameter', async () => {
    const url = `${google.authorizationUrl()}&scope=openid`;
    await expect(visitConsent(url, { account: ada.email })).rejects.toThrow(
      'only have a single value: scope',
    );
  });

  test('is shown for a client that was deleted or disabled', async () => {
    google.control.deleteClient(web.clientId);
    expect(await errorOf({})).toBe('401 deleted_client');
    google.control.disableClient(web.clientId);
    expect(await errorOf({})).toBe('401 disabled_client');
    google.control.enableClient(web.clientId);
    await expect(google.connect()).resolves.toBeDefined();
  });

  test('is shown for an account whose administrator blocks the app', async () => {
    google.control.setAccountPolicy(ada.sub, 'admin_policy_enforced');
    expect(await errorOf({})).toBe('400 admin_policy_enforced');
    google.control.setAccountPolicy(ada.sub, null);
    await expect(google.connect()).resolves.toBeDefined();
  });
});

test('names the fault and what was sent, and runs nothing that was sent', async () => {
  const response = await fetch(google.authorizationUrl({ client_id: '<script>alert(1)</script>' }));
  const page = await response.text();
  expect(page).toContain('Error 401: invalid_client');
  expect(page).toContain('The OAuth client was not found.');
  expect(page).toContain('client_id=&lt;script');
  expect(page).not.toContain('<script');
});

test.each([
  'http://localhost',
  'http://localhost:8085/any/path',
  'http://127.0.0.1:1',
  'http://[::1]:4000/back?x=1',
])('a desktop client can redirect to %s', async (redirect_uri) => {
  const url = google.authorizationUrl({ client_id: desktop.clientId, redirect_uri });
  const back = await visitConsent(url, { account: ada.email });
  expect(back.href.startsWith(redirect_uri)).toBe(true);
  expect(back.searchParams.get('code')).toMatch(/^4\//);
});

test.each(['https://localhost', 'http://localhost.evil.example', 'http://192.168.0.1', 'app:/back'])(
  'a desktop client cannot redirect to %s',
  async (redirect_uri) => {
    expect(await errorOf({ client_id: desktop.clientId, redirect_uri })).toBe('400 redirect_uri_mismatch');
  },
);

test('client_secret files name an alias of the address, which works alike', async () => {
  const { web: file } = google.clientSecretJson(web.clientId) as { web: Record<string, string> };
  expect(file).toEqual({
    client_id: web.clientId,
    project_id: web.projectId,
    auth_uri: `${google.url}/o/oauth2/auth`,
    token_uri: `${google.url}/token`,
    auth_provider_x509_cert_url: `${google.url}/oauth2/v1/certs`,
    client_secret: web.clientSecret,
    redirect_uris: web.redirectUris,
  });
  const url = new URL(google.authorizationUrl()).search;
  const back = await visitConsent(`${String(file['auth_uri'])}${url}`, { account: ada.email });
  expect(back.searchParams.has('code')).toBe(true);
  expect(google.clientSecretJson(desktop.clientId)).toHaveProperty('installed.redirect_uris', [
    'http://localhost',
  ]);
});
