/** The whole flow of the stand-in, with Google's own library and jose. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CodeChallengeMethod } from 'google-auth-library';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { visitConsent } from '../support/visit-consent.js';
import { ada, startGoogle, type TestGoogle, userinfoEmail, web, ytAnalytics } from './test-google.js';

describe("Google's own library, pointed at the stand-in", () => {
  let google: TestGoogle;
  beforeAll(async () => {
    google = await startGoogle();
  });
  afterAll(() => google.close());

  test('goes from consent to tokens, refresh and revocation', async () => {
    const library = google.library();
    const { codeVerifier, codeChallenge } = await library.generateCodeVerifierAsync();
    const back = await visitConsent(
      library.generateAuthUrl({
        access_type: 'offline',
        scope: ['openid', 'email', ytAnalytics],
        state: 'the state',
        nonce: 'the nonce',
        code_challenge: codeChallenge ?? '',
        code_challenge_method: CodeChallengeMethod.S256,
      }),
      { account: ada.email },
    );
    expect(back.searchParams.get('state')).toBe('the state');

    const { tokens } = await library.getToken({ code: back.searchParams.get('code') ?? '', codeVerifier });
    expect(tokens).toMatchObject({ token_type: 'Bearer', refresh_token: expect.stringMatching(/^1\/\//) });
    const ticket = await library.verifyIdToken({ idToken: tokens.id_token ?? '', audience: web.clientId });
    expect(ticket.getPayload()).toMatchObject({ sub: ada.sub, email: ada.email, nonce: 'the nonce' });

    library.setCredentials(tokens);
    const { credentials } = await library.refreshAccessToken();
    expect(credentials.access_token).not.toBe(tokens.access_token);
    const info = await library.getTokenInfo(credentials.access_token ?? '');
    expect(info.scopes).toEqual(expect.arrayContaining(['openid', userinfoEmail, ytAnalytics]));

    await library.revokeCredentials();
    library.setCredentials({ refresh_token: tokens.refresh_token ?? null });
    await expect(library.refreshAccessToken()).rejects.toThrow('invalid_grant');
  });

  test('jose verifies an id_token with the published keys', async () => {
    const { id_token = '' } = await google.connect({ scope: 'openid' });
    const keys = createRemoteJWKSet(new URL('/oauth2/v3/certs', google.url));
    const { payload } = await jwtVerify(id_token, keys, { issuer: google.url, audience: web.clientId });
    expect(payload).toMatchObject({ sub: ada.sub, azp: web.clientId });
    expect(payload).not.toHaveProperty('email');
    expect(decodeProtectedHeader(id_token)).toMatchObject({ alg: 'RS256' });
  });
});
