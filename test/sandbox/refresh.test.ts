/** grant_type=refresh_token. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import {
  ada,
  adwords,
  seconds,
  sibling,
  startGoogle,
  type TestGoogle,
  userinfoEmail,
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

test('a refresh gives a new access token and keeps the refresh token', async () => {
  const tokens = await google.connect();
  const { status, body } = await google.refresh(tokens.refresh_token);
  expect(status).toBe(200);
  expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
  expect(body.access_token).not.toBe(tokens.access_token);
  expect(await google.opens(body.access_token)).toBe(true);
  expect((await google.refresh(tokens.refresh_token)).status).toBe(200);
});

test('a refresh gives an id_token too when openid was granted, without the nonce', async () => {
  const tokens = await google.connect({ scope: 'openid', nonce: 'once' });
  const { body } = await google.refresh(tokens.refresh_token);
  const claims = decodeJwt(body.id_token ?? '');
  expect(claims).toMatchObject({ sub: ada.sub, aud: web.clientId });
  expect(claims).not.toHaveProperty('nonce');
});

test('an access token is valid for its expires_in', async () => {
  const tokens = await google.connect();
  const { body } = await google.refresh(tokens.refresh_token);
  google.turnClock((body.expires_in - 5) * seconds);
  expect(await google.opens(body.access_token)).toBe(true);
  google.turnClock(5 * seconds);
  expect(await google.opens(body.access_token)).toBe(false);
});

test('scope narrows the access token of a refresh, in aliases as well', async () => {
  const { refresh_token } = await google.connect({ scope: `email ${ytAnalytics} ${adwords}` });
  expect((await google.refresh(refresh_token, { scope: ytAnalytics })).body.scope).toBe(ytAnalytics);
  const { body } = await google.refresh(refresh_token, { scope: 'email' });
  expect(new Set(body.scope.split(' '))).toEqual(new Set(['openid', userinfoEmail]));
  expect((await google.refresh(refresh_token)).body.scope).toContain(adwords);
});

test('a scope beyond the grant is refused', async () => {
  const { refresh_token } = await google.connect();
  const { status, body } = await google.refresh(refresh_token, { scope: `${ytAnalytics} ${adwords}` });
  expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_scope' });
  expect(body.error_description).toContain(`invalid=[${adwords}]`);
});

test('a refresh token of another client is refused, and stays active', async () => {
  const { refresh_token } = await google.connect();
  const other = { client_id: sibling.clientId, client_secret: sibling.clientSecret };
  expect(await google.refresh(refresh_token, other)).toMatchObject({
    status: 401,
    body: { error: 'unauthorized_client' },
  });
  expect((await google.refresh(refresh_token)).status).toBe(200);
});

test('a refresh token that Google never issued is a bad request, and so is none', async () => {
  expect(await google.refresh('1//0invented')).toEqual({
    status: 400,
    body: { error: 'invalid_grant', error_description: 'Bad Request' },
  });
  expect(await google.refresh(undefined)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
});

test('an administrator’s rules block a refresh token until they are lifted', async () => {
  const { refresh_token } = await google.connect();
  google.control.setAccountPolicy(ada.sub, 'invalid_rapt');
  expect(await google.refresh(refresh_token)).toEqual({
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'reauth related error (invalid_rapt)',
      error_subtype: 'invalid_rapt',
    },
  });
  google.control.setAccountPolicy(ada.sub, 'admin_policy_enforced');
  expect(await google.refresh(refresh_token)).toMatchObject({
    status: 400,
    body: { error: 'admin_policy_enforced' },
  });
  google.control.setAccountPolicy(ada.sub, null);
  expect((await google.refresh(refresh_token)).status).toBe(200);
});
