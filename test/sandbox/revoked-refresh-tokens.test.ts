/** Everything that makes a refresh token stop working. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ada,
  adwords,
  ben,
  days,
  hours,
  seconds,
  sibling,
  startGoogle,
  stranger,
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

const dead = {
  status: 400,
  body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
};
const longDead = { status: 400, body: { error: 'invalid_grant', error_description: 'Bad Request' } };
const again = { prompt: 'consent' };

describe('the slots of an account at a client', () => {
  test('lose the oldest token silently when one more than the limit comes', async () => {
    google.control.setSlotLimit(2);
    const elsewhere = await google.connect({ client_id: sibling.clientId });
    const others = await google.connect({}, { account: ben.email });
    const first = await google.connect(again);
    const second = await google.connect(again);
    expect(google.control.liveRefreshTokens(ada.sub, web.clientId)).toEqual([
      first.refresh_token,
      second.refresh_token,
    ]);
    const third = await google.connect(again);
    expect(await google.refresh(first.refresh_token)).toEqual(dead);
    expect(await google.opens(first.access_token)).toBe(true);
    for (const { refresh_token } of [second, third, others]) {
      expect((await google.refresh(refresh_token)).status).toBe(200);
    }
    const siblingClient = { client_id: sibling.clientId, client_secret: sibling.clientSecret };
    expect((await google.refresh(elsewhere.refresh_token, siblingClient)).status).toBe(200);
    expect(google.control.liveRefreshTokens(ada.sub)).toHaveLength(3);
  });

  test('number 100 by default', async () => {
    const first = await google.connect();
    for (let slot = 2; slot <= 100; slot++) await google.connect(again);
    expect((await google.refresh(first.refresh_token)).status).toBe(200);
    await google.connect(again);
    expect(await google.refresh(first.refresh_token)).toEqual(dead);
    expect(google.control.liveRefreshTokens(ada.sub, web.clientId)).toHaveLength(100);
  });

  test('do not include an exchange that gives no refresh token', async () => {
    google.control.setSlotLimit(1);
    const first = await google.connect();
    await google.connect({ login_hint: ada.sub });
    expect(google.control.liveRefreshTokens(ada.sub)).toEqual([first.refresh_token]);
  });
});

describe('an app in Testing', () => {
  beforeEach(() => {
    google.control.setTestingMode(true);
  });

  test('gives refresh tokens seven days, and says so', async () => {
    const tokens = await google.connect();
    expect(tokens.refresh_token_expires_in).toBe(604_799);
    google.turnClock(7 * days - 5 * seconds);
    expect((await google.refresh(tokens.refresh_token)).status).toBe(200);
    google.turnClock(5 * seconds);
    expect(await google.refresh(tokens.refresh_token)).toEqual(dead);
  });

  test('ends the consent as well, so that the next visit asks and gives a refresh token again', async () => {
    await google.connect();
    expect(await google.connect()).not.toHaveProperty('refresh_token');
    google.turnClock(7 * days);
    expect(await google.connect()).toHaveProperty('refresh_token');
  });

  test('leaves grants of sign-in scopes alone', async () => {
    const tokens = await google.connect({ scope: 'openid email profile' });
    expect(tokens).not.toHaveProperty('refresh_token_expires_in');
    google.turnClock(8 * days);
    expect((await google.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('in production lets nothing end after seven days', async () => {
    google.control.setTestingMode(false);
    const tokens = await google.connect();
    google.turnClock(8 * days);
    expect((await google.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

test('a refresh token ends after six months without use', async () => {
  const [used, unused] = [await google.connect(), await google.connect(again)];
  google.turnClock(150 * days);
  expect((await google.refresh(used.refresh_token)).status).toBe(200);
  google.turnClock(33 * days);
  expect((await google.refresh(used.refresh_token)).status).toBe(200);
  expect(await google.refresh(unused.refresh_token)).toEqual(dead);
});

test('a dead refresh token has another description hours later', async () => {
  const { refresh_token = '' } = await google.connect();
  google.control.endRefreshToken(refresh_token);
  expect(await google.refresh(refresh_token)).toEqual(dead);
  google.turnClock(4 * hours);
  expect(await google.refresh(refresh_token)).toEqual(longDead);
});

describe('revocation', () => {
  const asSibling = { client_id: sibling.clientId, client_secret: sibling.clientSecret };

  test.each(['access_token', 'refresh_token'] as const)(
    'by %s ends all the project has of the account, and nothing else',
    async (kind) => {
      const tokens = await google.connect();
      const siblings = await google.connect({ client_id: sibling.clientId, scope: adwords });
      const strangers = await google.connect({ client_id: stranger.clientId });
      const bens = await google.connect({}, { account: ben.email });

      expect(await google.post('/revoke', { token: tokens[kind] })).toEqual({ status: 200, body: {} });

      expect(await google.refresh(tokens.refresh_token)).toEqual(dead);
      expect(await google.refresh(siblings.refresh_token, asSibling)).toEqual(dead);
      expect(await google.opens(tokens.access_token)).toBe(false);
      expect(await google.opens(siblings.access_token)).toBe(false);
      expect(await google.opens(strangers.access_token)).toBe(true);
      expect((await google.refresh(bens.refresh_token)).status).toBe(200);

      // The scopes are gone too: the next authorization request is like the first.
      const again = await google.connect({ include_granted_scopes: 'true' });
      expect(again).toMatchObject({ scope: ytAnalytics, refresh_token: expect.any(String) });
    },
  );

  test('works with the token in the query', async () => {
    const { refresh_token = '' } = await google.connect();
    const response = await fetch(`${google.url}/revoke?token=${encodeURIComponent(refresh_token)}`, {
      method: 'POST',
    });
    expect(response.status).toBe(200);
    expect(await google.refresh(refresh_token)).toEqual(dead);
  });

  test('of what is dead, unknown or missing is an invalid_token', async () => {
    const invalid = { status: 400, body: { error: 'invalid_token' } };
    const { refresh_token, access_token } = await google.connect();
    await google.post('/revoke', { token: refresh_token });
    expect(await google.post('/revoke', { token: refresh_token })).toEqual(invalid);
    expect(await google.post('/revoke', { token: access_token })).toEqual(invalid);
    expect(await google.post('/revoke', { token: 'unknown' })).toEqual(invalid);
    expect(await google.post('/revoke', {})).toEqual(invalid);
  });

  test('by the user, at their account page, ends all tokens', async () => {
    const { refresh_token, access_token } = await google.connect();
    google.control.revokeByUser(ada.sub, web.projectId);
    expect(await google.refresh(refresh_token)).toEqual(dead);
    expect(await google.opens(access_token)).toBe(false);
    expect(google.control.liveRefreshTokens(ada.sub)).toEqual([]);
  });

  test.each([
    ['another site', { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' }],
    ['no page', {}],
  ])('by the user, are not ended by a form of %s', async (_, headers) => {
    const { refresh_token } = await google.connect();
    const body = new URLSearchParams({ account: ada.sub, project: web.projectId });
    const response = await fetch(new URL('/connections', google.url), { method: 'POST', headers, body });
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining('cross_site_request'),
    ]);
    expect((await google.refresh(refresh_token)).status).toBe(200);
  });

  test('by the user, on the page that lists the connections of an account, ends those of one app', async () => {
    const page = async (form?: Record<string, string>) => {
      const response = await fetch(new URL('/connections', google.url), {
        ...(form && {
          method: 'POST',
          headers: { origin: google.url },
          body: new URLSearchParams(form),
        }),
      });
      expect(response.status).toBe(200);
      return response.text();
    };
    const { refresh_token } = await google.connect();
    const other = await google.connect({ client_id: stranger.clientId });
    const listed = await page();
    for (const words of [
      ada.email,
      'Channel Insights',
      'View YouTube Analytics reports',
      'Ben &lt;Franklin>',
    ])
      expect(listed).toContain(words);
    expect(listed).toMatch(/name="project" value="insights"/);
    const removed = await page({ account: ada.sub, project: web.projectId });
    expect(removed).toContain('no longer has access');
    expect(removed).not.toMatch(/name="project" value="insights"/);
    expect(await google.refresh(refresh_token)).toEqual(dead);
    const ofOther = { client_id: stranger.clientId, client_secret: stranger.clientSecret };
    expect(await google.refresh(other.refresh_token, ofOther)).toMatchObject({ status: 200 });
    for (const form of [{}, { account: 'unknown' }, { account: ben.sub, project: web.projectId }])
      expect(await page(form as Record<string, string>)).not.toContain('no longer has access');
  });
});
