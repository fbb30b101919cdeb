/** The control interface: recorded requests and injected faults. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Control } from '../../sandbox/google/stand-in.js';
import { GoogleErrorPage, visitConsent } from '../support/visit-consent.js';
import { ada, redirectUri, startGoogle, type TestGoogle, web, ytAnalytics } from './test-google.js';

let google: TestGoogle;
let control: Control;
beforeAll(async () => {
  google = await startGoogle();
  control = google.control;
});
beforeEach(() => {
  control.reset();
});
afterAll(() => google.close());

describe('the log of requests', () => {
  test('has them in order and in full', async () => {
    const { refresh_token } = await google.connect();
    await google.refresh(refresh_token);
    await google.post('/revoke?token=in-query', {});
    expect(control.requests.map(({ endpoint, grantType, status }) => [endpoint, grantType, status])).toEqual([
      ['authorize', undefined, 200],
      ['token', 'authorization_code', 200],
      ['token', 'refresh_token', 200],
      ['revoke', undefined, 400],
    ]);
    expect(control.requests[2]).toMatchObject({
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      url: '/token',
      parameters: { grant_type: 'refresh_token', refresh_token, client_secret: web.clientSecret },
    });
    expect(control.requests[3]).toMatchObject({
      url: '/revoke?token=in-query',
      parameters: { token: 'in-query' },
    });
  });

  test('counts them by endpoint and grant type, until it is cleared', async () => {
    const { refresh_token } = await google.connect();
    await google.refresh(refresh_token);
    expect(control.count('token')).toBe(2);
    expect(control.count('token', 'refresh_token')).toBe(1);
    expect(control.count('revoke')).toBe(0);
    control.clearRequests();
    expect(control.count('token')).toBe(0);
    await google.refresh(refresh_token);
    expect(control.count('token')).toBe(1);
  });
});

describe('the list of secrets', () => {
  test('contains all those issued and received, whichever way', async () => {
    const back = await visitConsent(google.authorizationUrl({ scope: 'openid' }), { account: ada.email });
    const code = back.searchParams.get('code') ?? '';
    await google.exchange(code, { code_verifier: 'sent-in-vain', client_secret: 'a-wrong-secret' });
    const { body } = await google.exchange(code);
    control.overrideTokenResponse({ access_token: 'ya29.overridden' });
    await google.refresh(body.refresh_token);
    const bearer = { headers: { authorization: 'Bearer a-bearer' } };
    await fetch(`${google.url}/v2/reports`, bearer);
    const basic = { authorization: `Basic ${Buffer.from('id:a-basic-secret').toString('base64')}` };
    await google.post('/token', {}, basic);

    expect(control.secrets()).toEqual(
      expect.arrayContaining([
        code,
        body.access_token,
        body.refresh_token,
        body.id_token,
        web.clientSecret,
        'sent-in-vain',
        'a-wrong-secret',
        'ya29.overridden',
        'a-bearer',
        'a-basic-secret',
      ]),
    );
    expect(control.secrets()).not.toContain(redirectUri);
  });

  test('contains tokens whose answer was lost', async () => {
    const { refresh_token } = await google.connect();
    const before = control.secrets().length;
    control.failNext('token', { drop: true, afterProcessing: true });
    await expect(google.refresh(refresh_token)).rejects.toThrow();
    expect(control.secrets()).toHaveLength(before + 1);
  });
});

describe('a fault', () => {
  const statuses = async (refreshToken: string | undefined, times: number) => {
    const seen: number[] = [];
    for (let time = 0; time < times; time++) {
      const response = await fetch(`${google.url}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken ?? '',
          client_id: web.clientId,
          client_secret: web.clientSecret,
        }),
      }).catch(() => undefined);
      seen.push(response?.status ?? 0);
    }
    return seen;
  };

  test('strikes the next requests, one after another, and no other endpoint', async () => {
    const { refresh_token } = await google.connect();
    control.failNext('token', { named: 'temporarily_unavailable' }, 2);
    control.failNext('token', { status: 418, body: {} });
    expect((await google.post('/revoke', {})).status).toBe(400);
    expect(await statuses(refresh_token, 4)).toEqual([503, 503, 418, 200]);
  });

  test('strikes always until it is cleared, after those queued', async () => {
    const { refresh_token } = await google.connect();
    control.failAlways('token', { named: 'internal_failure' });
    control.failNext('token', { named: 'too_many_requests' });
    expect(await statuses(refresh_token, 3)).toEqual([429, 500, 500]);
    control.clearFaults();
    expect(await statuses(refresh_token, 1)).toEqual([200]);
  });

  test('answers as configured, with status, headers and body', async () => {
    const headers = { 'retry-after': '7' };
    control.failNext('token', { status: 503, body: { error: 'made_up' }, headers });
    control.failNext('token', { status: 502, body: '<p>Bad gateway</p>' });
    const ask = () => fetch(`${google.url}/token`, { method: 'POST', body: new URLSearchParams() });
    const first = await ask();
    expect([first.status, first.headers.get('retry-after'), await first.json()]).toEqual([
      503,
      '7',
      { error: 'made_up' },
    ]);
    const second = await ask();
    expect(second.headers.get('content-type')).toContain('text/html');
    expect(await second.text()).toBe('<p>Bad gateway</p>');
  });

  test.each([
    ['invalid_grant_expired_or_revoked', 400, 'invalid_grant', 'Token has been expired or revoked.'],
    ['invalid_grant_bad_request', 400, 'invalid_grant', 'Bad Request'],
    ['malformed_auth_code', 400, 'invalid_grant', 'Malformed auth code.'],
    ['missing_code_verifier', 400, 'invalid_grant', 'Missing code verifier.'],
    ['invalid_code_verifier', 400, 'invalid_grant', 'Invalid code verifier'],
    ['invalid_rapt', 400, 'invalid_grant', 'reauth related error (invalid_rapt)'],
    ['rapt_required', 400, 'invalid_grant', 'reauth related error (rapt_required)'],
    ['invalid_client_not_found', 401, 'invalid_client', 'The OAuth client was not found.'],
    ['invalid_client_secret', 401, 'invalid_client', 'The provided client secret is invalid.'],
    ['unauthorized_client', 401, 'unauthorized_client', 'Unauthorized'],
    ['client_secret_missing', 400, 'invalid_request', 'client_secret is missing.'],
    ['invalid_scope', 400, 'invalid_scope', expect.stringContaining('Some requested scopes were invalid.')],
    ['admin_policy_enforced', 400, 'admin_policy_enforced', expect.any(String)],
    ['internal_failure', 500, 'internal_failure', expect.any(String)],
    ['server_error', 500, 'server_error', expect.any(String)],
    ['temporarily_unavailable', 503, 'temporarily_unavailable', expect.any(String)],
  ] as const)(
    'named %s answers at the token endpoint as Google does',
    async (named, status, error, error_description) => {
      control.failNext('token', { named });
      expect(await google.refresh('x')).toMatchObject({ status, body: { error, error_description } });
    },
  );

  test.each([
    ['user_rate_limit_html', 403, 'User Rate Limit Exceeded'],
    ['request_timeout', 408, 'Request Timeout'],
    ['bad_gateway_html', 502, 'Server Error'],
  ] as const)('named %s answers with a page of HTML', async (named, status, text) => {
    control.failNext('token', { named });
    const response = await fetch(`${google.url}/token`, { method: 'POST', body: new URLSearchParams() });
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(text);
  });

  test.each([
    ['invalid_request', 400, 'invalid_request'],
    ['invalid_scope', 400, 'invalid_scope'],
    ['unsupported_response_type', 400, 'unsupported_response_type'],
    ['redirect_uri_mismatch', 400, 'redirect_uri_mismatch'],
    ['admin_policy_enforced', 400, 'admin_policy_enforced'],
    ['invalid_client', 401, 'invalid_client'],
    ['deleted_client', 401, 'deleted_client'],
    ['disallowed_useragent', 403, 'disallowed_useragent'],
    ['org_internal', 403, 'org_internal'],
    ['not_a_test_user', 403, 'access_denied'],
    ['rate_limit_exceeded', 403, 'rate_limit_exceeded'],
  ] as const)('named %s answers on Google’s own page', async (named, status, code) => {
    control.failNext('authorize', { named });
    const error: unknown = await visitConsent(google.authorizationUrl(), { account: ada.email }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GoogleErrorPage);
    expect(error).toMatchObject({ status, code });
  });

  test.each(['access_denied', 'interaction_required', 'immediate_failed', 'server_error'] as const)(
    'named %s answers in the redirect back',
    async (named) => {
      control.failNext('authorize', { named });
      const back = await visitConsent(google.authorizationUrl(), { account: ada.email });
      expect(back.href.startsWith(`${redirectUri}?`)).toBe(true);
      expect(back.searchParams.get('error')).toBe(named);
      expect(back.searchParams.get('state')).toBe('a state');
    },
  );

  test('named for an API call refuses it', async () => {
    control.failNext('reports', { named: 'quota_exceeded' });
    const response = await fetch(`${google.url}/v2/reports`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('quotaExceeded');
  });

  test('of a name that the endpoint does not know is refused at once', () => {
    expect(() => {
      control.failNext('token', { named: 'org_internal' });
    }).toThrow('"org_internal" is no refusal of token; there are: invalid_grant_expired_or_revoked');
  });

  test('of kind drop closes the connection before anything happened', async () => {
    const back = await visitConsent(google.authorizationUrl(), { account: ada.email });
    const code = back.searchParams.get('code') ?? '';
    control.failNext('token', { drop: true });
    await expect(google.exchange(code)).rejects.toThrow('fetch failed');
    expect(control.requests.at(-1)).toMatchObject({ endpoint: 'token', status: 0 });
    expect((await google.exchange(code)).status).toBe(200);
  });

  test('of kind drop after processing loses the response but not the effect', async () => {
    const back = await visitConsent(google.authorizationUrl(), { account: ada.email });
    const code = back.searchParams.get('code') ?? '';
    control.failNext('token', { drop: true, afterProcessing: true });
    await expect(google.exchange(code)).rejects.toThrow('fetch failed');
    expect((await google.exchange(code)).status).toBe(400);
    expect(control.liveRefreshTokens(ada.sub)).toHaveLength(1);
  });

  test('of kind delayMs and latency keeps the caller waiting, then all goes on as usual', async () => {
    const { refresh_token } = await google.connect();
    control.failNext('token', { delayMs: 2000 });
    control.latency('token', 60);
    const started = performance.now();
    expect((await google.refresh(refresh_token)).status).toBe(200);
    const first = performance.now();
    expect((await google.refresh(refresh_token)).status).toBe(200);
    expect(first - started).toBeGreaterThan(2050);
    expect(performance.now() - first).toBeGreaterThan(55);
    expect(performance.now() - first).toBeLessThan(first - started);
  });

  test('with a chance affects some requests only', async () => {
    const { refresh_token } = await google.connect();
    control.failAlways('token', { named: 'server_error', chance: 0 });
    expect(await statuses(refresh_token, 5)).toEqual([200, 200, 200, 200, 200]);
    control.failAlways('token', { named: 'server_error', chance: 0.5 });
    const seen = await statuses(refresh_token, 60);
    expect(new Set(seen)).toEqual(new Set([200, 500]));
  });
});

describe('an overridden token response', () => {
  test('is merged into the next successes, the given number of times', async () => {
    const { refresh_token } = await google.connect();
    control.overrideTokenResponse({ expires_in: '0', scope: null, extra: { deep: true } }, 2);
    expect((await google.refresh('dead')).status).toBe(400);
    const { body } = await google.refresh(refresh_token);
    expect(body).toMatchObject({ expires_in: '0', extra: { deep: true } });
    expect(body).not.toHaveProperty('scope');
    expect((await google.refresh(refresh_token)).body.expires_in).toBe('0');
    expect((await google.refresh(refresh_token)).body).toMatchObject({
      expires_in: 3599,
      scope: ytAnalytics,
    });
  });

  test('lasts until it is taken back', async () => {
    control.overrideTokenResponse({ refresh_token: null, expires_in: -1 });
    expect(await google.connect()).not.toHaveProperty('refresh_token');
    expect(await google.connect({ prompt: 'consent' })).toHaveProperty('expires_in', -1);
    control.overrideTokenResponse(null);
    expect(await google.connect({ prompt: 'consent' })).toHaveProperty('refresh_token');
  });
});

test('reset clears grants, faults, settings and records, and keeps the signing key', async () => {
  const keys = async () => (await fetch(`${google.url}/oauth2/v3/certs`)).text();
  const before = await keys();
  const { refresh_token } = await google.connect();
  control.failAlways('token', { drop: true });
  control.overrideTokenResponse({ expires_in: 1 });
  control.latency('token', 5000);
  control.setTestingMode(true);
  control.setSlotLimit(1);
  control.deleteClient(web.clientId);
  control.setAccountPolicy(ada.sub, 'admin_policy_enforced');
  control.reset();
  expect(control.requests).toEqual([]);
  expect(control.secrets()).not.toContain(refresh_token);
  expect((await google.refresh(refresh_token)).status).toBe(400);
  const again = await google.connect();
  expect(again).toMatchObject({ expires_in: 3599, refresh_token: expect.any(String) });
  expect(again).not.toHaveProperty('refresh_token_expires_in');
  await google.connect({ prompt: 'consent' });
  expect(control.liveRefreshTokens(ada.sub)).toHaveLength(2);
  expect(await keys()).toBe(before);
});

test('the control refuses names that do not exist', () => {
  expect(() => {
    control.revokeByUser('unknown', web.projectId);
  }).toThrow('no account with sub "unknown"');
  expect(() => {
    control.deleteClient('none');
  }).toThrow('no client "none"');
  expect(() => {
    control.endRefreshToken('none');
  }).toThrow('no such refresh token');
  expect(() => {
    control.setSlotLimit(0);
  }).toThrow('from 1');
});

describe('the control over HTTP', () => {
  async function command(name: string, ...given: unknown[]): Promise<{ status: number; result: unknown }> {
    const response = await fetch(`${google.url}/_control/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(given),
    });
    return { status: response.status, result: await response.json() };
  }

  test('has the same commands, which do the same', async () => {
    const { refresh_token } = await google.connect();
    expect(await command('count', 'token', 'authorization_code')).toEqual({ status: 200, result: 1 });
    expect(await command('requests')).toEqual({ status: 200, result: control.requests });
    expect(await command('liveRefreshTokens', ada.sub)).toEqual({ status: 200, result: [refresh_token] });
    expect(await command('failNext', 'token', { named: 'server_error' })).toEqual({
      status: 200,
      result: null,
    });
    expect((await google.refresh(refresh_token)).status).toBe(500);
    await command('revokeByUser', ada.sub, web.projectId);
    expect((await google.refresh(refresh_token)).status).toBe(400);
  });

  test('needs no body for a command without arguments', async () => {
    await google.connect();
    expect((await fetch(`${google.url}/_control/reset`, { method: 'POST' })).status).toBe(200);
    expect(control.requests).toEqual([]);
  });

  test('lists its commands, and refuses others and nonsense', async () => {
    const list: unknown = await (await fetch(`${google.url}/_control`)).json();
    expect(list).toEqual(expect.arrayContaining(['requests', 'failNext', 'reset']));
    expect((await command('constructor')).status).toBe(404);
    expect(await command('deleteClient', 'none')).toEqual({
      status: 400,
      result: { error: 'There is no client "none".' },
    });
    expect(await command('failNext', 'nowhere', {})).toMatchObject({ status: 400 });
    expect(await command('failNext', 'token', { drip: true })).toMatchObject({ status: 400 });
  });
});
