/** The JWT bearer grant of the stand-in, with Google's own library and with assertions that have one fault each. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { JWT } from 'google-auth-library';
import { importPKCS8, SignJWT } from 'jose';
import { ada, adwords, ben, calendar, startGoogle, type TestGoogle, ytAnalytics } from './test-google.js';

const email = 'reports@insights.iam.gserviceaccount.com';
const uniqueId = '110000000000000000001';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let google: TestGoogle;
beforeAll(async () => {
  google = await startGoogle();
  google.control.addServiceAccount({ email, uniqueId, projectId: 'insights', keyId: 'key', publicKey: spki });
});
beforeEach(() => {
  google.control.reset();
});
afterAll(() => google.close());

/** Google's own client. Its address of Google is fixed; only its transport can be replaced. */
function library(subject?: string): JWT {
  const jwt = new JWT({
    email,
    keyId: 'key',
    key: pkcs8,
    scopes: [adwords],
    ...(subject !== undefined && { subject }),
    transporterOptions: { retryConfig: { retry: 0 } },
  });
  jwt.transporter.interceptors.request.add({
    resolved: (request) => {
      request.url = new URL(`${google.url}${new URL(request.url).pathname}`);
      return Promise.resolve(request);
    },
  });
  return jwt;
}

async function assertion(change: Record<string, unknown> = {}, kid = 'key', pem = pkcs8): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: email,
    scope: adwords,
    aud: `${google.url}/token`,
    iat: now,
    exp: now + 3600,
    ...change,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
    .sign(await importPKCS8(pem, 'RS256'));
}

const send = (text: string | undefined) =>
  google.post('/token', { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: text });

const reports = (token: string | null | undefined) =>
  fetch(`${google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-02&metrics=views`, {
    headers: { authorization: `Bearer ${token}` },
  });

describe("Google's own library", () => {
  test('gets an access token for the service account itself, and nothing else', async () => {
    const { access_token: token, refresh_token: none } = await library().authorize();
    expect(token).toMatch(/^ya29\.c\./);
    // The library's own stand-in for one: Google sends none.
    expect(none).toBe('jwt-placeholder');
    const info = await library().getTokenInfo(token ?? '');
    expect(info).toMatchObject({ azp: uniqueId, scopes: [adwords], access_type: 'online' });
  });

  test('acts for a user once the Workspace has delegated that', async () => {
    await expect(library(ada.email).authorize()).rejects.toThrow('unauthorized_client');
    google.control.delegate(email, [adwords]);
    await expect(library(ada.email).authorize()).resolves.toMatchObject({ token_type: 'Bearer' });
    google.control.delegate(email, null);
    await expect(library(ada.email).authorize()).rejects.toThrow('unauthorized_client');
  });
});

describe('a correct assertion', () => {
  test('gives a token for an hour, without scope, id_token or refresh token', async () => {
    const { status, body } = await send(await assertion());
    expect({ status, body }).toEqual({
      status: 200,
      body: { access_token: expect.any(String), expires_in: 3599, token_type: 'Bearer' },
    });
    google.turnClock(3600_000);
    expect(await google.opens(body.access_token)).toBe(false);
    google.turnClock(-3600_000);
  });

  test('opens the other APIs, but not YouTube Analytics', async () => {
    const own = await send(await assertion({ scope: ytAnalytics }));
    expect((await reports(own.body.access_token)).status).toBe(403);
    google.control.delegate(email, [ytAnalytics]);
    const delegated = await send(await assertion({ scope: ytAnalytics, sub: ada.email }));
    expect(delegated.status).toBe(200);
    expect((await reports(delegated.body.access_token)).status).toBe(403);
    const { access_token: users } = await google.connect();
    expect((await reports(users)).status).toBe(200);
  });

  test('needs no client, and takes none of its slots', async () => {
    await send(await assertion());
    expect(google.control.liveRefreshTokens(ada.sub)).toEqual([]);
    expect(google.control.count('token', 'urn:ietf:params:oauth:grant-type:jwt-bearer')).toBe(1);
  });
});

describe('a wrong assertion', () => {
  const now = Math.floor(Date.now() / 1000);
  test.each<[string, Record<string, unknown>, number, string, string]>([
    ['no scope', { scope: undefined }, 400, 'invalid_scope', 'Invalid OAuth scope'],
    ['an unknown scope', { scope: 'nonsense' }, 400, 'invalid_scope', 'Invalid OAuth scope'],
    ['another audience', { aud: 'https://elsewhere.test' }, 400, 'invalid_grant', 'Failed audience check'],
    ['more than an hour', { exp: now + 7200 }, 400, 'invalid_grant', 'short-lived token (60 minutes)'],
    ['over', { iat: now - 7200, exp: now - 3600 }, 400, 'invalid_grant', 'reasonable timeframe'],
    ['of tomorrow', { iat: now + 86_400, exp: now + 90_000 }, 400, 'invalid_grant', 'reasonable timeframe'],
    ['without exp', { exp: undefined }, 400, 'invalid_grant', 'iat and exp'],
    ['an unknown issuer', { iss: 'x@y.iam.gserviceaccount.com' }, 400, 'invalid_grant', 'account not found'],
    ['an unknown subject', { sub: 'unknown@example.com' }, 400, 'invalid_grant', 'Not a valid email'],
    ['a user without delegation', { sub: ada.email }, 401, 'unauthorized_client', 'Client is unauthorized'],
    ['a user of no Workspace', { sub: ben.email }, 401, 'unauthorized_client', 'Client is unauthorized'],
  ])('is refused for %s', async (_, change, status, error, words) => {
    const response = await send(await assertion(change));
    expect(response).toMatchObject({
      status,
      body: { error, error_description: expect.stringContaining(words) },
    });
  });

  test('is refused for more scopes than were delegated', async () => {
    google.control.delegate(email, [adwords]);
    const response = await send(await assertion({ sub: ada.email, scope: `${adwords} ${calendar}` }));
    expect(response).toMatchObject({ status: 401, body: { error: 'unauthorized_client' } });
  });

  test('is refused for another key, another key id, a deleted key, and no signature at all', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = other.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    google.control.addServiceAccount({ email, projectId: 'insights', keyId: 'gone', publicKey: spki });
    expect((await send(await assertion({}, 'gone'))).status).toBe(200);
    google.control.deleteServiceAccountKey('gone');
    const [head = '', claims = ''] = (await assertion()).split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    for (const bad of [
      await assertion({}, 'key', pem),
      await assertion({}, 'unknown'),
      await assertion({}, 'gone'),
      `${head}.${claims}.`,
      unsigned,
    ]) {
      expect(await send(bad)).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' },
      });
    }
  });

  test('is refused when there is none, or it is no JWT', async () => {
    expect(await send(undefined)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await send('nonsense')).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});
