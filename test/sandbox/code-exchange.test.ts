/** grant_type=authorization_code, and client authentication. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { visitConsent } from '../support/visit-consent.js';
import {
  ada,
  desktop,
  minutes,
  redirectUri,
  seconds,
  sibling,
  startGoogle,
  type TestGoogle,
  web,
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

async function newCode(parameters: Record<string, string> = {}): Promise<string> {
  const back = await visitConsent(google.authorizationUrl(parameters), { account: ada.email });
  return back.searchParams.get('code') ?? '';
}

describe('the tokens', () => {
  test('look like Google’s, and are not to be stored by caches', async () => {
    const response = await fetch(`${google.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: await newCode(),
        redirect_uri: redirectUri,
        client_id: web.clientId,
        client_secret: web.clientSecret,
      }),
    });
    expect(response.headers.get('cache-control')).toContain('no-store');
    const tokens = (await response.json()) as Record<string, string>;
    expect(tokens).toEqual({
      access_token: expect.stringMatching(/^ya29\.[\w-]{150,2043}$/),
      refresh_token: expect.stringMatching(/^1\/\/0[\w-]{80,508}$/),
      expires_in: 3599,
      scope: ytAnalytics,
      token_type: 'Bearer',
    });
  });

  test('come without a refresh token for online access, which is the default', async () => {
    expect(await google.connect({ access_type: 'online' })).not.toHaveProperty('refresh_token');
    google.control.reset();
    expect(await google.connect({ access_type: undefined })).not.toHaveProperty('refresh_token');
  });

  test('come with an id_token for sign-in scopes only', async () => {
    expect(await google.connect({ scope: ytAnalytics })).not.toHaveProperty('id_token');
    const { id_token = '', access_token } = await google.connect({ scope: 'email profile', nonce: 'n-1' });
    expect(decodeJwt(id_token)).toMatchObject({
      iss: google.url,
      aud: web.clientId,
      azp: web.clientId,
      sub: ada.sub,
      hd: 'example.com',
      email: ada.email,
      email_verified: true,
      name: ada.name,
      nonce: 'n-1',
      at_hash: createHash('sha256').update(access_token).digest().subarray(0, 16).toString('base64url'),
    });
  });
});

describe('a code', () => {
  const badRequest = { status: 400, body: { error: 'invalid_grant', error_description: 'Bad Request' } };

  test('works once', async () => {
    const code = await newCode();
    expect((await google.exchange(code)).status).toBe(200);
    expect(await google.exchange(code)).toEqual(badRequest);
  });

  test('works for ten minutes', async () => {
    const [early, late] = [await newCode(), await newCode()];
    google.turnClock(10 * minutes - 10 * seconds);
    expect((await google.exchange(early)).status).toBe(200);
    google.turnClock(10 * seconds);
    expect(await google.exchange(late)).toEqual(badRequest);
  });

  test('works for its own client only', async () => {
    const other = { client_id: sibling.clientId, client_secret: sibling.clientSecret };
    expect(await google.exchange(await newCode(), other)).toEqual(badRequest);
  });

  test('works with the redirect URI it was sent to only', async () => {
    const back = { client_id: desktop.clientId, redirect_uri: 'http://localhost:1/' };
    const code = await newCode(back);
    const secret = { client_secret: desktop.clientSecret };
    const other = await google.exchange(code, { ...back, ...secret, redirect_uri: 'http://localhost:2/' });
    expect(other).toMatchObject({ status: 400, body: { error: 'redirect_uri_mismatch' } });
    expect((await google.exchange(code, { ...back, ...secret })).status).toBe(200);
  });

  test('that is none is malformed', async () => {
    const malformed = {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Malformed auth code.' },
    };
    expect(await google.exchange('nonsense')).toEqual(malformed);
    expect(await google.exchange(encodeURIComponent(await newCode()))).toEqual(malformed);
    expect(await google.exchange('4/0Abcdef')).toEqual(badRequest);
  });

  test('ends with the grant', async () => {
    const code = await newCode();
    google.control.revokeByUser(ada.sub, web.projectId);
    expect(await google.exchange(code)).toEqual(badRequest);
  });
});

describe('PKCE', () => {
  const code_verifier = 'a-verifier-of-at-least-forty-three-characters-0';
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
  const grantError = (error_description: string) => ({
    status: 400,
    body: { error: 'invalid_grant', error_description },
  });

  test('needs the right verifier, and a failed attempt does not spend the code', async () => {
    const code = await newCode({ code_challenge, code_challenge_method: 'S256' });
    expect(await google.exchange(code)).toEqual(grantError('Missing code verifier.'));
    expect(await google.exchange(code, { code_verifier: `${code_verifier}1` })).toEqual(
      grantError('Invalid code verifier'),
    );
    expect((await google.exchange(code, { code_verifier })).status).toBe(200);
  });

  test('uses plain when no method is named', async () => {
    const code = await newCode({ code_challenge: code_verifier });
    expect((await google.exchange(code, { code_verifier })).status).toBe(200);
  });

  test('refuses a verifier without a challenge', async () => {
    expect(await google.exchange(await newCode(), { code_verifier })).toEqual(
      grantError('code_verifier or verifier is not needed.'),
    );
  });
});

describe('a client', () => {
  const none = { client_id: undefined, client_secret: undefined };
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  });

  test('may use HTTP Basic instead of the form', async () => {
    const form = { grant_type: 'authorization_code', code: await newCode(), redirect_uri: redirectUri };
    expect((await google.post('/token', form, basic(web.clientId, 'wrong'))).status).toBe(401);
    expect((await google.post('/token', form, basic(web.clientId, web.clientSecret))).status).toBe(200);
  });

  test.each([
    ['unknown', { client_id: 'unknown' }, 401, 'invalid_client', 'The OAuth client was not found.'],
    [
      'with a wrong secret',
      { client_secret: 'x' },
      401,
      'invalid_client',
      'The provided client secret is invalid.',
    ],
    ['without a secret', { client_secret: undefined }, 400, 'invalid_request', 'client_secret is missing.'],
    ['not named', none, 400, 'invalid_request', 'Could not determine client ID from request.'],
  ])(
    'that is %s is refused, and the code not spent',
    async (_who, given, status, error, error_description) => {
      const code = await newCode();
      expect(await google.exchange(code, given)).toEqual({ status, body: { error, error_description } });
      expect((await google.exchange(code)).status).toBe(200);
    },
  );

  test('that is deleted or disabled is refused', async () => {
    google.control.deleteClient(web.clientId);
    expect(await google.exchange('4/0Ax')).toMatchObject({ status: 401, body: { error: 'deleted_client' } });
    google.control.disableClient(web.clientId);
    expect(await google.exchange('4/0Ax')).toMatchObject({ status: 401, body: { error: 'disabled_client' } });
  });
});

test('a request without its parts, with a part twice or of another grant type is refused', async () => {
  expect((await google.exchange('')).body.error_description).toBe('Missing required parameter: code');
  expect((await google.exchange('4/0Ax', { grant_type: 'password' })).body.error).toBe(
    'unsupported_grant_type',
  );
  const response = await fetch(`${google.url}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'code=1&code=2',
  });
  expect(await response.json()).toHaveProperty('error', 'invalid_request');
});
