/** APIs that take an access token: tokeninfo, userinfo, YouTube Analytics; and the discovery document. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { youtubeAnalytics } from 'googleapis/build/src/apis/youtubeAnalytics/index.js';
import {
  ada,
  adwords,
  ben,
  hours,
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

async function get(path: string, accessToken?: string): Promise<{ status: number; body: unknown }> {
  const headers: HeadersInit = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` };
  const response = await fetch(google.url + path, { headers });
  return { status: response.status, body: await response.json() };
}

describe('tokeninfo', () => {
  test('returns an access token’s client, scopes and age, in strings', async () => {
    const { access_token } = await google.connect({ scope: `email ${ytAnalytics}` });
    const about = {
      status: 200,
      body: {
        azp: web.clientId,
        aud: web.clientId,
        sub: ada.sub,
        scope: expect.stringContaining(userinfoEmail),
        exp: expect.stringMatching(/^\d+$/),
        expires_in: expect.stringMatching(/^35\d\d$/),
        email: ada.email,
        email_verified: 'true',
        access_type: 'offline',
      },
    };
    expect(await get(`/tokeninfo?access_token=${access_token}`)).toEqual(about);
    expect(await google.post('/tokeninfo', { access_token })).toEqual(about);
  });

  test('does not identify the account without sign-in scopes', async () => {
    const { access_token } = await google.connect({ access_type: 'online' });
    const { body } = await get(`/tokeninfo?access_token=${access_token}`);
    expect(body).not.toHaveProperty('sub');
    expect(body).not.toHaveProperty('email');
    expect(body).toHaveProperty('access_type', 'online');
  });

  test('checks an id_token', async () => {
    const { id_token = '' } = await google.connect({ scope: 'email' });
    expect(await get(`/tokeninfo?id_token=${id_token}`)).toMatchObject({
      status: 200,
      body: { sub: ada.sub, aud: web.clientId, email_verified: 'true', alg: 'RS256' },
    });
    expect((await get(`/tokeninfo?id_token=${id_token.slice(0, -8)}AAAAAAAA`)).status).toBe(400);
    google.turnClock(2 * hours);
    expect((await get(`/tokeninfo?id_token=${id_token}`)).status).toBe(400);
  });

  test('refuses what is no token', async () => {
    const refused = { status: 400, body: { error: 'invalid_token', error_description: 'Invalid Value' } };
    expect(await get('/tokeninfo?access_token=ya29.x')).toEqual(refused);
    expect(await get('/tokeninfo')).toEqual(refused);
  });
});

describe('userinfo', () => {
  test('returns what the scopes allow', async () => {
    const { access_token } = await google.connect({ scope: 'openid email profile' });
    expect(await get('/oauth2/v3/userinfo', access_token)).toEqual({
      status: 200,
      body: {
        sub: ada.sub,
        name: ada.name,
        given_name: 'Ada',
        email: ada.email,
        email_verified: true,
        hd: 'example.com',
      },
    });
    const { access_token: bens } = await google.connect({ scope: 'openid' }, { account: ben.email });
    expect((await get('/oauth2/v3/userinfo', bens)).body).toEqual({ sub: ben.sub });
  });

  test('refuses tokens without sign-in scopes, dead ones and none', async () => {
    const { access_token } = await google.connect();
    expect((await get('/oauth2/v3/userinfo', access_token)).status).toBe(403);
    expect((await get('/oauth2/v3/userinfo', 'ya29.x')).status).toBe(401);
    expect((await get('/oauth2/v3/userinfo')).status).toBe(401);
  });
});

describe('YouTube Analytics', () => {
  const question =
    'ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-03&metrics=views,averageViewPercentage';

  test('answers Google’s own client', async () => {
    const library = google.library();
    library.setCredentials(await google.connect());
    const analytics = youtubeAnalytics({ version: 'v2', auth: library, rootUrl: google.url });
    const { data } = await analytics.reports.query({
      ids: 'channel==MINE',
      startDate: '2026-01-01',
      endDate: '2026-01-03',
      metrics: 'views,averageViewPercentage',
      dimensions: 'day',
    });
    expect(data.kind).toBe('youtubeAnalytics#resultTable');
    expect(data.columnHeaders).toEqual([
      { name: 'day', columnType: 'DIMENSION', dataType: 'STRING' },
      { name: 'views', columnType: 'METRIC', dataType: 'INTEGER' },
      { name: 'averageViewPercentage', columnType: 'METRIC', dataType: 'FLOAT' },
    ]);
    expect(data.rows?.map(([day]: unknown[]) => day)).toEqual(['2026-01-01', '2026-01-02', '2026-01-03']);
    for (const [, views, percentage] of data.rows ?? []) {
      expect(Number.isInteger(views)).toBe(true);
      expect(percentage).toBeLessThanOrEqual(100);
    }
  });

  test('gives the same numbers for the same query, and others for another account', async () => {
    const { access_token } = await google.connect();
    const { access_token: bens } = await google.connect({}, { account: ben.email });
    const first = await get(`/v2/reports?${question}`, access_token);
    expect(first.status).toBe(200);
    expect(await get(`/v2/reports?${question}`, access_token)).toEqual(first);
    expect(await get(`/v2/reports?${question}`, bens)).not.toEqual(first);
  });

  test('crosses dimensions, and stops at maxResults', async () => {
    const { access_token } = await google.connect();
    const rows = async (more: string) =>
      (
        (await get(`/v2/reports?${question}&dimensions=month,deviceType${more}`, access_token)).body as {
          rows: unknown[];
        }
      ).rows;
    expect(await rows('')).toHaveLength(4);
    expect(await rows('&maxResults=3')).toHaveLength(3);
  });

  test('refuses no token, a dead one and one without the scope in Google’s words', async () => {
    const error = (code: number, status: string, reason: string, message: unknown) => ({
      status: code,
      body: { error: { code, message, status, errors: [{ message, domain: 'global', reason }] } },
    });
    const { access_token } = await google.connect({ scope: adwords });
    expect(await get(`/v2/reports?${question}`)).toEqual(
      error(
        401,
        'UNAUTHENTICATED',
        'required',
        expect.stringContaining('missing required authentication credential'),
      ),
    );
    expect(await get(`/v2/reports?${question}`, access_token)).toEqual(
      error(
        403,
        'PERMISSION_DENIED',
        'insufficientPermissions',
        'Request had insufficient authentication scopes.',
      ),
    );
    google.turnClock(2 * hours);
    expect(await get(`/v2/reports?${question}`, access_token)).toEqual(
      error(
        401,
        'UNAUTHENTICATED',
        'authError',
        expect.stringContaining('invalid authentication credentials'),
      ),
    );
  });

  test('takes the monetary scope as well', async () => {
    const scope = 'https://www.googleapis.com/auth/yt-analytics-monetary.readonly';
    const { access_token } = await google.connect({ scope });
    expect((await get(`/v2/reports?${question}`, access_token)).status).toBe(200);
  });

  test('refuses once the user has revoked', async () => {
    const { access_token } = await google.connect();
    google.control.revokeByUser(ada.sub, web.projectId);
    expect((await get(`/v2/reports?${question}`, access_token)).status).toBe(401);
  });

  test.each(['ids', 'startDate', 'endDate', 'metrics'])('needs %s', async (name) => {
    const { access_token } = await google.connect();
    const parameters = new URLSearchParams(question);
    parameters.delete(name);
    expect(await get(`/v2/reports?${parameters.toString()}`, access_token)).toMatchObject({
      status: 400,
      body: { error: { code: 400, message: `Required parameter: ${name}` } },
    });
  });

  test.each([
    ['metrics=views,viewz', 'Unknown identifier (viewz) given in field parameters.metrics.'],
    ['dimensions=weekday', 'Unknown identifier (weekday) given in field parameters.dimensions.'],
    ['startDate=yesterday', "Invalid value 'yesterday' for startDate, expected YYYY-MM-DD."],
  ])('refuses %s', async (wrong, message) => {
    const { access_token } = await google.connect();
    const parameters = new URLSearchParams(question);
    const [name = '', value = ''] = wrong.split('=');
    parameters.set(name, value);
    const { status, body } = await get(`/v2/reports?${parameters.toString()}`, access_token);
    expect({ status, body }).toMatchObject({ status: 400, body: { error: { message } } });
  });
});

test('the discovery document names the addresses', async () => {
  const { body } = await get('/.well-known/openid-configuration');
  expect(body).toMatchObject({
    issuer: google.url,
    authorization_endpoint: `${google.url}/o/oauth2/v2/auth`,
    token_endpoint: `${google.url}/token`,
    revocation_endpoint: `${google.url}/revoke`,
    jwks_uri: `${google.url}/oauth2/v3/certs`,
  });
});
