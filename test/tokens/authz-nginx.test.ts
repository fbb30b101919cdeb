/**
 * Debian's nginx with deploy/nginx/google-apis.conf, between a caller and a stand-in for Google's APIs, with the broker behind
 * auth_request: what reaches Google, and what the caller sees.
 */
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { guideHierarchy, guideIds } from '../../sandbox/google/ads/hierarchy.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { type Nginx, startNginx, startUpstream, type Upstream, WITHOUT_NGINX } from '../support/nginx.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const API = 'youtubeanalytics.googleapis.com';
/** They lead to the upstream, too: only the broker is in the way. */
const FOREIGN = ['googleapis.com.evil.example', 'evil-googleapis.com', `${API}.`];

const run = WITHOUT_NGINX === '' ? describe : describe.skip;

run(`nginx with deploy/nginx/google-apis.conf${WITHOUT_NGINX}`, () => {
  const hosts = [API, ...FOREIGN];
  let bed: TestBed;
  let upstream: Upstream;
  let nginx: Nginx;

  beforeAll(async () => {
    bed = await startTestBed();
    upstream = await startUpstream(hosts);
    nginx = await startNginx({ brokerUrl: bed.url, upstream, hosts });
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
  });
  afterAll(async () => {
    await nginx.stop();
    upstream.stop();
    await bed.stop();
  });
  beforeEach(() => {
    upstream.arrived.length = 0;
  });

  const call = (
    path: string,
    headers: Record<string, string> = {},
    init: RequestInit = {},
    url = nginx.url,
  ) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${bed.api.key}`,
        'x-token-broker-user': 'alice',
        ...headers,
      },
    });
  const tokenOf = async (user: string, query = {}) =>
    `Bearer ${(await bed.api.token(user, query)).body['access_token'] as string}`;

  test('sends the request to Google as it came, with the token in place of the service key', async () => {
    const uri = '/v2/reports/a%2Fb//c?ids=channel%3D%3DMINE&x=%41';
    const response = await call(`/${API}${uri}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ kind: 'from Google' });
    expect(upstream.arrived).toMatchObject([{ method: 'GET', url: uri, headers: { host: API } }]);
    expect(upstream.arrived[0]?.headers['authorization']).toBe(await tokenOf('alice'));
  });

  test('lets neither the service key nor a parameter of the broker reach Google, nor the token the caller', async () => {
    const parameters: Record<string, string> = { scope: YOUTUBE, client: 'default', account: ALICE.email };
    parameters['min-ttl'] = '60';
    const headers = Object.entries(parameters).map(([name, value]) => [`x-token-broker-${name}`, value]);
    const response = await call(`/${API}/v2`, Object.fromEntries(headers) as Record<string, string>);
    expect(response.status).toBe(200);
    const sent = JSON.stringify(upstream.arrived);
    expect(sent).toContain((await tokenOf('alice')).slice(7));
    expect(sent).not.toContain(bed.api.key);
    expect(sent).not.toMatch(/x-token-broker|tbk_/i);
    const shown = JSON.stringify([...response.headers]) + (await response.text());
    for (const secret of bed.google.control.secrets()) expect(shown).not.toContain(secret);
  });

  test('replaces a token that Google refused, for a caller that names it', async () => {
    const first = await call(`/${API}/v2`);
    const refused = first.headers.get('x-token-broker-token-id') ?? '';
    expect(refused).toMatch(/^[0-9a-f]{16}$/);
    const second = await call(`/${API}/v2`, { 'x-token-broker-refused': refused });
    expect(second.status).toBe(200);
    const [before, after] = upstream.arrived.map(({ headers }) => headers['authorization']);
    expect(after).toMatch(/^Bearer /);
    expect(after).not.toBe(before);
    expect(second.headers.get('x-token-broker-token-id')).not.toBe(refused);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('passes a %s on with its body', async (method) => {
    const body = JSON.stringify({ text: 'x'.repeat(100_000) });
    expect((await call(`/${API}/v2`, {}, { method, body })).status).toBe(200);
    expect(upstream.arrived).toMatchObject([{ method, body }]);
  });

  test('passes a body on that has no length', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${bed.api.key}`, 'x-token-broker-user': 'alice' };
      const sent = httpRequest(`${nginx.url}/${API}/v2`, { method: 'POST', headers }, (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode);
        });
      });
      sent.on('error', reject);
      sent.write('one ');
      sent.end('two');
    });
    expect(status).toBe(200);
    expect(upstream.arrived).toMatchObject([{ method: 'POST', body: 'one two' }]);
  });

  test('adds the login-customer-id of a Google Ads account, and otherwise leaves it to the caller', async () => {
    bed.google.control.setAdsHierarchy(guideHierarchy({ U2: ALICE.email }));
    const { A4, M1, M3 } = guideIds;
    const own = { 'login-customer-id': M1 };
    const sent = async (headers: Record<string, string>) => {
      upstream.arrived.length = 0;
      expect((await call(`/${API}/v2`, headers)).status).toBe(200);
      return upstream.arrived[0]?.headers['login-customer-id'];
    };
    expect(await sent({ ...own, 'x-token-broker-customer-id': A4 })).toBe(M3);
    expect(await sent({ ...own, 'x-token-broker-customer-id': M3 })).toBeUndefined();
    expect(await sent(own)).toBe(M1);
  });

  test('shows the caller a refusal with the link, and sends nothing to Google', async () => {
    bed.google.control.revokeByUser(BOB.sub, 'project-a');
    bed.clock.advance(3700);
    const response = await call(`/${API}/v2`, { 'x-token-broker-user': 'bob', accept: 'text/html' });
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status: 403, code: 'reconnect_required', who_must_act: 'user' });
    expect(problem['connect_url']).toMatch(/\/connect\?ticket=/);
    expect(response.headers.get('x-token-broker-connect-url')).toBe(problem['connect_url']);
    expect(upstream.arrived).toEqual([]);
  });

  test('answers a wrong key, or none, with 401', async () => {
    for (const authorization of [`Bearer tbk_aaaaaaaaaaaa_${'a'.repeat(43)}`, 'Basic eDp5', '']) {
      const response = await call(`/${API}/v2`, { authorization });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer realm="token-broker"${authorization.startsWith('Bearer') ? ', error="invalid_token"' : ''}`,
      );
      expect(await response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
    }
    expect(upstream.arrived).toEqual([]);
  });

  test.each([
    ...FOREIGN.map((host) => `/${host}/v2`),
    `/user@${API}/v2`,
    `/${API}:8443/v2`,
    `/${API.toUpperCase()}/v2`,
    `/${API}%2eevil.example/v2`,
    `/${API}`,
    '/',
    '/authz',
  ])('refuses to send a token to %s', async (path) => {
    const response = await call(path, { 'x-forwarded-host': API, 'x-original-url': `https://${API}/` });
    expect([403, 404]).toContain(response.status);
    expect(upstream.arrived).toEqual([]);
  });

  test('refuses a user who is named twice', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = ['authorization', `Bearer ${bed.api.key}`];
      for (const user of ['alice', 'bob']) headers.push('x-token-broker-user', user);
      const path = `/${API}/v2`;
      httpRequest(nginx.url, { path, headers: ['host', 'proxy', ...headers] }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
    expect(upstream.arrived).toEqual([]);
  });

  test('keeps no answer of the broker for another call', async () => {
    const narrow = await bed.service({ scopes: [YOUTUBE] });
    const sent = async (key: string) => {
      const { status } = await call(`/${API}/v2`, { authorization: `Bearer ${key}` });
      return [status, upstream.arrived.pop()?.headers['authorization']];
    };
    const whole = [200, await tokenOf('alice')];
    expect(await sent(bed.api.key)).toEqual(whole);
    const [status, token] = await sent(narrow.key);
    expect(status).toBe(200);
    expect(token).not.toBe(whole[1]);
    expect(await sent('tbk_wrong')).toEqual([401, undefined]);
    expect(await sent(bed.api.key)).toEqual(whole);
    const { body } = await bed.api.get('/users/alice/grants');
    for (const { id } of body['grants'] as { id: string }[])
      await bed.api.delete(`/grants/${id}`, { mode: 'local' });
    expect(await sent(bed.api.key)).toEqual([403, undefined]);
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
  });

  test('passes on that a caller must wait, with Retry-After', async () => {
    await tokenOf('alice');
    bed.clock.advance(3700);
    bed.google.control.failNext('token', { named: 'temporarily_unavailable' });
    const response = await call(`/${API}/v2`);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ status: 503, code: 'google_unavailable' });
    expect(upstream.arrived).toEqual([]);
    await bed.afterBackoff();
    expect((await call(`/${API}/v2`)).status).toBe(200);
  });

  test('sends nothing to Google while the broker does not answer', async () => {
    const alone = await startNginx({ brokerUrl: `http://127.0.0.1:${await freePort()}`, upstream, hosts });
    try {
      const response = await call(`/${API}/v2`, {}, {}, alone.url);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ status: 503 });
      expect(upstream.arrived).toEqual([]);
    } finally {
      await alone.stop();
    }
  });

  test('holds the key itself, and decides on the user, with the lines of docs/forward-auth.md', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-nginx-key-'));
    chmodSync(folder, 0o755);
    const key = join(folder, 'key.conf');
    writeFileSync(key, `proxy_set_header Authorization "Bearer ${bed.api.key}";\n`);
    const [, lines = ''] =
      /^```nginx\n(include [^]*?)^```/m.exec(readFileSync('docs/forward-auth.md', 'utf8')) ?? [];
    expect(lines).toContain('/etc/nginx/token-broker-key.conf');
    const authz = lines.replace('/etc/nginx/token-broker-key.conf', key);
    const holder = await startNginx({ brokerUrl: bed.url, upstream, hosts, authz });
    try {
      const authorization = `Basic ${Buffer.from('alice:password').toString('base64')}`;
      const headers = { authorization, 'x-token-broker-user': 'bob' };
      expect((await call(`/${API}/v2`, headers, {}, holder.url)).status).toBe(200);
      expect(upstream.arrived[0]?.headers['authorization']).toBe(await tokenOf('alice'));
      expect(JSON.stringify(upstream.arrived)).not.toContain(authorization);
    } finally {
      await holder.stop();
    }
  });
});
