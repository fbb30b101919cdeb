/**
 * GET /authz as proxies call it: nginx with auth_request, Traefik with forwardAuth, Envoy with ext_authz. Requests are bytes
 * on a socket, since no client library would send some of them. test/tokens/authz-nginx.test.ts runs a real proxy.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { guideHierarchy, guideIds } from '../../sandbox/google/ads/hierarchy.js';
import { forwardAuthHeaders } from '../../src/http/server/forward-auth.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { isCluster } from '../support/cluster.js';
import { openSocket, type RawResponse, readResponse } from '../support/raw-http.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

const HOST = 'youtubeanalytics.googleapis.com';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
});
afterAll(() => bed.stop());

interface Sent {
  readonly line?: string;
  readonly host?: string;
  readonly key?: string | null;
  readonly user?: string | null;
  readonly body?: string;
}

/** Headers are `Name: value`, each as it is sent. */
function ask(
  headers: readonly string[],
  { line = 'GET /authz', host = 'broker.internal', key = bed.api.key, user = 'alice', body = '' }: Sent = {},
): Promise<RawResponse> {
  const lines = [
    `${line} HTTP/1.1`,
    `Host: ${host}`,
    ...(key === null ? [] : [`Authorization: Bearer ${key}`]),
    ...(user === null ? [] : [`X-Token-Broker-User: ${user}`]),
    ...headers,
    'Connection: close',
    '',
    body,
  ];
  const socket = openSocket(bed.url);
  socket.write(lines.join('\r\n'));
  return readResponse(socket);
}

const forwarded = (host = HOST) => `X-Forwarded-Host: ${host}`;

async function tokenOf(user: string, query: Record<string, string> = {}): Promise<string> {
  return `Bearer ${(await bed.api.token(user, query)).body['access_token'] as string}`;
}

async function expectToken(response: RawResponse, user = 'alice'): Promise<void> {
  expect(response.status).toBe(200);
  expect(response.headers.get('authorization')).toBe(await tokenOf(user));
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.text).toBe('');
}

function expectRefusal(response: RawResponse, status: number, code: string): void {
  expect(response.body).toMatchObject({ status, code });
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(response.headers.get('x-token-broker-code')).toBe(code);
  expect(JSON.parse(response.headers.get('x-token-broker-problem') ?? '')).toEqual(response.body);
  expect(response.headers.get('authorization')).toBeNull();
  expect(response.headers.get('cache-control')).toBe('no-store');
}

describe('a proxy gets the token that GET /tokens/:userId gives,', () => {
  test('as nginx and Traefik ask, with X-Forwarded-Host', async () => {
    await expectToken(await ask([forwarded()]));
    const traefik = [
      'X-Forwarded-For: 192.0.2.7',
      'X-Forwarded-Method: POST',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Uri: /v2/reports?ids=channel%3D%3DMINE',
      'Accept: text/html',
      'Content-Type: application/json',
    ];
    await expectToken(await ask([forwarded(), ...traefik]));
  });

  test('as the ingress controller of nginx asks, with X-Original-URL', async () => {
    await expectToken(await ask([`X-Original-URL: https://${HOST}/v2/reports?ids=a@b`]));
    await expectToken(await ask([`X-Original-URL: http://${HOST}:80`, forwarded(`${HOST}:443`)]));
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'as Envoy asks about a %s, with its path behind the prefix',
    async (method) => {
      const line = `${method} /authz/v2/reports?ids=channel%3D%3DMINE&user=bob&x=%FF`;
      await expectToken(await ask(['Content-Length: 0'], { line, host: HOST }));
    },
  );

  test.each(['/authz/', '/authz//v2', '/authz/%zz', '/authz/a%2Fb?c', `/authz/${'a'.repeat(5000)}`])(
    'as Envoy asks about the path %s',
    async (path) => {
      await expectToken(await ask([], { line: `GET ${path}`, host: `${HOST}:443` }));
    },
  );

  test.each(['POST', 'OPTIONS', 'HEAD'])('where the proxy keeps the method %s', async (method) => {
    await expectToken(await ask([forwarded()], { line: `${method} /authz` }));
  });

  test('and no body is read', async () => {
    const body = '{"broken';
    const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`];
    await expectToken(await ask(headers, { line: 'POST /authz/v2', host: HOST, body }));
    // It has not arrived yet, and it is longer than any body that the broker reads.
    const endless = ['Content-Type: text/plain', 'Content-Length: 100000000'];
    await expectToken(await ask([forwarded(), ...endless], { line: 'POST /authz' }));
  });

  test('with the header that a call to a Google Ads account needs', async () => {
    bed.google.control.setAdsHierarchy(guideHierarchy({ U2: ALICE.email }));
    const { A4, M3 } = guideIds;
    const through = await ask([forwarded(), `X-Token-Broker-Customer-Id: ${A4}`]);
    expect(through.headers.get('authorization')).toBe(await tokenOf('alice', { customer_id: A4 }));
    expect(through.headers.get('login-customer-id')).toBe(M3);
    expect(through.headers.get('x-envoy-auth-headers-to-remove')).not.toContain('login-customer-id');
    // Access is direct: a header of the caller's would be wrong.
    const direct = await ask([forwarded(), `X-Token-Broker-Customer-Id: ${M3}`]);
    expect(direct.status).toBe(200);
    expect(direct.headers.get('login-customer-id')).toBeNull();
    expect(direct.headers.get('x-envoy-auth-headers-to-remove')).toContain('login-customer-id');
    expectRefusal(
      await ask([forwarded(), `X-Token-Broker-Customer-Id: ${A4}`, 'X-Token-Broker-Min-Role: ADMIN']),
      403,
      'no_ads_access',
    );
  });

  test('and Envoy removes the parameters from the request to Google', async () => {
    const { headers } = await ask([forwarded()]);
    const removed = (headers.get('x-envoy-auth-headers-to-remove') ?? '').split(',');
    const names = ['user', 'client', 'account', 'scope', 'customer-id'];
    expect(removed).toEqual(expect.arrayContaining(names.map((name) => `x-token-broker-${name}`)));
    // The caller's own, when it names no account.
    expect(removed).not.toContain('login-customer-id');
  });
});

describe('the proxied request', () => {
  const GOOGLE_HOSTS = [
    'googleapis.com',
    'www.googleapis.com',
    `${HOST}:443`,
    `${HOST}:80`,
    'us-central1-aiplatform.googleapis.com',
    'a.b.c.googleapis.com',
  ];
  test.each(GOOGLE_HOSTS)('may go to %s', async (host) => {
    await expectToken(await ask([forwarded(host)]));
    await expectToken(await ask([`X-Original-URL: https://${host}/v2`]));
    await expectToken(await ask([], { line: 'GET /authz/v2', host }));
  });

  const OTHERS = [
    '',
    'com',
    'example.com',
    'googleapis.com.evil.example',
    'www.googleapis.com.evil.example',
    'evil-googleapis.com',
    'evilgoogleapis.com',
    'googleapis.com@evil.example',
    'user@www.googleapis.com',
    'user:www.googleapis.com@evil.example',
    'www.googleapis.com:8443',
    'www.googleapis.com:0443',
    'www.googleapis.com:',
    'www.googleapis.com:443:80',
    'www.googleapis.com.',
    '.googleapis.com',
    'a..googleapis.com',
    '-a.googleapis.com',
    'a-.googleapis.com',
    'a_b.googleapis.com',
    '*.googleapis.com',
    `${'a'.repeat(64)}.googleapis.com`,
    `${'a.'.repeat(130)}googleapis.com`,
    'www.GoogleAPIs.com',
    'WWW.googleapis.com',
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]:443',
    'www.g\u043E\u043Egleapis.com',
    'www.googleapis\u3002com',
    'xn--ggleapis-55fa.com',
    'xn--e1awd7f.googleapis.com',
    'www.googleapis.com,evil.example',
    'evil.example, www.googleapis.com',
    'www.googleapis.com evil.example',
    'www.googleapis.com\tevil.example',
    'www.googleapis.com%2eevil.example',
    'www.googleapis.com\\.evil.example',
    '"www.googleapis.com"',
    'https://www.googleapis.com',
  ];
  test.each(OTHERS)('is refused for %j', async (host) => {
    const refusals = [
      await ask([forwarded(host)]),
      await ask([`X-Original-URL: https://${host}/v2`]),
      await ask([], { line: 'GET /authz/v2', host }),
    ];
    for (const refusal of refusals) expectRefusal(refusal, 403, 'invalid_request');
  });

  test.each(['evil.example', '', `${HOST}.`])(
    'is refused for %j, whatever another header says',
    async (host) => {
      const url = `X-Original-URL: https://${HOST}/`;
      const refusals = [
        await ask([`X-Original-URL: https://${host}/`, forwarded()]),
        await ask([forwarded(host), url]),
        await ask([forwarded(), url], { line: 'GET /authz/v2', host }),
        await ask([forwarded(host)], { line: 'GET /authz/v2', host: HOST }),
      ];
      for (const refusal of refusals) expectRefusal(refusal, 403, 'invalid_request');
    },
  );

  test.each([
    '/v2/reports',
    `//${HOST}/v2`,
    `ftp://${HOST}/`,
    `HTTPS://${HOST}/`,
    `https:/${HOST}/`,
    `https:\\\\${HOST}/`,
    `https://evil.example?${HOST}`,
    `https://evil.example#@${HOST}`,
    ` https://evil.example/ https://${HOST}/`,
  ])('is refused with the X-Original-URL %j', async (url) => {
    expectRefusal(await ask([`X-Original-URL: ${url}`]), 403, 'invalid_request');
  });

  test('is refused where no header names its host, or two do so differently', async () => {
    const missing = await ask([]);
    expectRefusal(missing, 403, 'invalid_request');
    expect(missing.body['errors']).toEqual({ 'x-forwarded-host': expect.stringContaining('is missing') });
    // Without the prefix, Host is the broker's own.
    expectRefusal(await ask([], { host: HOST }), 403, 'invalid_request');
    const other = 'X-Original-URL: https://www.googleapis.com/';
    expectRefusal(await ask([forwarded(), other]), 403, 'invalid_request');
    expectRefusal(await ask([other], { line: 'GET /authz/v2', host: HOST }), 403, 'invalid_request');
  });

  test.each([
    forwarded(),
    `X-Original-URL: https://${HOST}/`,
    'X-Token-Broker-User: alice',
    'x-token-broker-USER: alice',
    'X-Token-Broker-Client: default',
    'X-Token-Broker-Account: alice@example.com',
    `X-Token-Broker-Scope: ${YOUTUBE}`,
    'X-Token-Broker-Customer-Id: 1234567890',
    'Authorization: Bearer tbk_another',
  ])('is refused with the header %s twice', async (header) => {
    const isUser = /user/i.test(header);
    const twice = header.startsWith('Authorization') ? [header] : isUser ? [header] : [header, header];
    const response = await ask([...(header === forwarded() ? [] : [forwarded()]), ...twice]);
    expectRefusal(response, 403, 'invalid_request');
    expect(response.text).toContain('more than once');
  });
});

describe('the parameters', () => {
  test('name a user by any text, in UTF-8, that is not decoded further', async () => {
    await bed.api.connect({ user_id: 'müller|5f7c', scope: YOUTUBE }, { account: BOB.email });
    await expectToken(await ask([forwarded()], { user: 'müller|5f7c' }), encodeURIComponent('müller|5f7c'));
    for (const user of ['%61lice', 'ALICE', '\uFEFFalice', 'alice%00', '"alice"', 'alice,alice'])
      expectRefusal(await ask([forwarded()], { user }), 403, 'not_connected');
  });

  test.each([
    ['no user', null, 'x-token-broker-user'],
    ['an empty user', '', 'user'],
    ['a control character', 'ali\tce', 'user'],
    ['a user of more than 255 characters', 'a'.repeat(256), 'user'],
  ])('are refused with %s', async (_, user, field) => {
    const response = await ask([forwarded()], { user });
    expectRefusal(response, 403, 'invalid_request');
    expect(response.body['errors']).toHaveProperty(field);
  });

  test('are refused where a header is not UTF-8', async () => {
    const socket = openSocket(bed.url);
    const headers = `Host: x\r\nAuthorization: Bearer ${bed.api.key}\r\n${forwarded()}\r\nConnection: close`;
    socket.write(
      Buffer.from(`GET /authz HTTP/1.1\r\n${headers}\r\nX-Token-Broker-User: m\xfcller\r\n\r\n`, 'latin1'),
    );
    const response = await readResponse(socket);
    expectRefusal(response, 403, 'invalid_request');
    expect(response.body['errors']).toEqual({ 'x-token-broker-user': 'must be UTF-8.' });
  });

  test.each([
    'X-Token-Broker-Scopes: a',
    'X-Token-Broker-User_: bob',
    'X-Token-Broker-Customer_Id: 1234567890',
    'X-Token-Broker-: a',
    'X-Token-Broker-Constructor: a',
    'X-Token-Broker-Hasownproperty: a',
    'X-Token-Broker-__proto__: a',
    'X-Token-Broker-Customer-Id: 12-34',
    'X-Token-Broker-Scope: youtube',
    'X-Token-Broker-Min-Ttl: soon',
    'X-Token-Broker-Min-Role: ADMIN',
  ])('are refused with %s', async (header) => {
    expectRefusal(await ask([forwarded(), header]), 403, 'invalid_request');
  });

  test('are not read from the query', async () => {
    const response = await ask([forwarded()], { line: 'GET /authz?user=bob' });
    expectRefusal(response, 403, 'invalid_request');
    expect(response.body['errors']).toHaveProperty('query');
    expectRefusal(await ask([forwarded()], { line: 'GET /authz?x=%FF' }), 403, 'invalid_request');
  });

  test('narrow which token is given, as the queries of GET /tokens/:userId do', async () => {
    const only = await bed.service({ scopes: [YOUTUBE], clients: ['default'], users: ['alice'] });
    const narrow = await ask([forwarded()], { key: only.key });
    expect(narrow.headers.get('authorization')).toBe(
      `Bearer ${(await only.token('alice')).body['access_token'] as string}`,
    );
    expect(narrow.headers.get('authorization')).not.toBe(await tokenOf('alice'));
    await expectToken(await ask([forwarded(), `X-Token-Broker-Account: ${ALICE.email}`]));
    await expectToken(await ask([forwarded(), 'X-Token-Broker-Client: default']));
    await expectToken(await ask([forwarded(), `X-Token-Broker-Scope: ${YOUTUBE}`]));
    const { key } = only;
    const header = (name: string, value: string) => [forwarded(), `X-Token-Broker-${name}: ${value}`];
    expectRefusal(await ask(header('Client', 'second'), { key }), 403, 'not_allowed');
    expectRefusal(await ask(header('Scope', ADS), { key }), 403, 'not_allowed');
    expectRefusal(await ask([forwarded()], { key, user: 'bob' }), 403, 'not_allowed');
    expectRefusal(await ask(header('Account', BOB.email)), 403, 'not_connected');
    const missing = await ask(header('Scope', YOUTUBE_MONEY));
    expectRefusal(missing, 403, 'insufficient_scope');
    expect(missing.body['missing_scopes']).toEqual([YOUTUBE_MONEY]);
  });
});

describe('a refusal', () => {
  test('has the link in a header, for proxies that drop the body', async () => {
    const headers = [forwarded(), 'Accept: text/html', `X-Token-Broker-Scope: ${YOUTUBE}`];
    const response = await ask(headers, { user: 'erin' });
    expectRefusal(response, 403, 'not_connected');
    const link = response.headers.get('x-token-broker-connect-url');
    expect(link).toBe(response.body['connect_url']);
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/connect\?ticket=/);
  });

  test('of a dead grant says so, with 403', async () => {
    await bed.api.connect({ user_id: 'frank', scope: YOUTUBE }, { account: BOB.email });
    bed.google.control.revokeByUser(BOB.sub, 'project-a');
    const revoked = await ask([forwarded(), 'X-Token-Broker-Min-Ttl: 3000'], { user: 'frank' });
    // The token lives on until it has to be renewed.
    expect(revoked.status).toBe(200);
    bed.clock.advance(700);
    const dead = await ask([forwarded(), 'X-Token-Broker-Min-Ttl: 3000'], { user: 'frank' });
    expectRefusal(dead, 403, 'reconnect_required');
    expect(dead.body).toMatchObject({ cause: expect.any(String), who_must_act: 'user' });
    expect(dead.headers.get('x-token-broker-connect-url')).toBe(dead.body['connect_url']);
    expect((await bed.api.token('frank')).status).toBe(410);
  });

  test.each([
    ['no credential', null],
    ['an unknown key', `tbk_aaaaaaaaaaaa_${'a'.repeat(43)}`],
    ['a token of Google', 'ya29.a0'],
  ])('of %s is 401, in each form', async (_, key) => {
    for (const response of [
      await ask([forwarded()], { key }),
      await ask([], { key, line: 'OPTIONS /authz/v2', host: HOST }),
      await ask([forwarded()], { key, line: 'OPTIONS /authz' }),
    ]) {
      expectRefusal(response, 401, 'unauthenticated');
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer realm="token-broker"${key === null ? '' : ', error="invalid_token"'}`,
      );
    }
  });

  test('that a caller can try again keeps its status and Retry-After', async () => {
    await bed.api.connect({ user_id: 'grace', scope: YOUTUBE_MONEY }, { account: ALICE.email });
    bed.clock.advance(3700);
    bed.google.control.failNext('token', { named: 'temporarily_unavailable' });
    const response = await ask([forwarded()], { user: 'grace' });
    expectRefusal(response, 503, 'google_unavailable');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    await bed.afterBackoff();
  });

  test('that is too long for a header is shortened there, and is ASCII', () => {
    const problem = {
      type: 'urn:token-broker:problem:not_connected',
      status: 403,
      title: 'This user has no grant here',
      code: 'not_connected',
      detail: 'Für müller\u{1F600}\u007f.',
      request_id: 'a',
    };
    const short = forwardAuthHeaders({ ...problem, connect_url: 'https://broker.example.com/connect' });
    expect(short['x-token-broker-problem']).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(short['x-token-broker-problem'] ?? '')).toMatchObject(problem);
    const connect_url = `https://broker.example.com/connect?ticket=${'a'.repeat(3000)}`;
    const long = forwardAuthHeaders({ ...problem, connect_url, accounts: [] });
    expect(JSON.parse(long['x-token-broker-problem'] ?? '')).toEqual(problem);
    expect(long['x-token-broker-connect-url']).toBe(connect_url);
    const wordy = forwardAuthHeaders({ ...problem, detail: 'ü'.repeat(5000) });
    expect(wordy['x-token-broker-problem']?.length).toBeLessThan(3000);
  });
});

describe('the broker', () => {
  beforeEach(async () => {
    await bed.app.get(AuditLog).flush();
  });

  test('records who got the token of whom, and for which host', async () => {
    const service = await bed.service({ users: ['alice'] });
    await ask([forwarded(), `X-Token-Broker-Scope: ${YOUTUBE}`], { key: service.key });
    await ask([forwarded('evil.example')], { key: service.key });
    await ask([forwarded()], { key: service.key, user: 'bob' });
    await bed.app.get(AuditLog).flush();
    const events = await bed.sql(
      `SELECT outcome, user_id, details FROM audit_trail
       WHERE service_id = $1 AND action = 'token.issue' ORDER BY outcome DESC`,
      [/^tbk_(\w{12})/.exec(service.key)?.[1]],
    );
    expect(events).toMatchObject([
      { outcome: 'ok', user_id: 'alice', details: { host: HOST, asked: [YOUTUBE] } },
      { outcome: 'not_allowed', user_id: 'bob', details: { host: HOST } },
      { outcome: 'invalid_request', user_id: isCluster ? '' : null },
    ]);
  });

  test('counts it in the metrics by one method and pattern, and logs no path of Google', async () => {
    const line = `POST /authz/v2/${randomUUID()}`;
    await expectToken(await ask([], { line, host: HOST }));
    const text = await (await fetch(`${bed.url}/metrics`)).text();
    expect(text).toContain('{method="GET",route="/authz",status="200",code="ok",');
    expect(text).not.toContain('method="POST",route="/authz');
    expect(bed.log()).toContain('"path":"/authz"');
    expect(bed.log()).not.toContain(line.split('/')[3]);
  });

  test('writes neither the token nor the key into its log', async () => {
    await expectToken(await ask([forwarded()]));
    for (const secret of [...bed.google.control.secrets(), bed.api.key])
      expect(bed.log()).not.toContain(secret);
  });

  test('refreshes once for all who ask at the same time, in either way', async () => {
    await tokenOf('alice');
    bed.clock.advance(3700);
    bed.google.control.clearRequests();
    const responses = await Promise.all([
      ...Array.from({ length: 10 }, () => ask([forwarded()])),
      ...Array.from({ length: 10 }, () => tokenOf('alice')),
    ]);
    const tokens = responses.map((response) =>
      typeof response === 'string' ? response : response.headers.get('authorization'),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(bed.google.control.count('token', 'refresh_token')).toBe(1);
  });

  test('gives no token once the grant is disconnected or the service revoked', async () => {
    await bed.api.connect({ user_id: 'heidi', scope: YOUTUBE }, { account: BOB.email });
    expect((await ask([forwarded()], { user: 'heidi' })).status).toBe(200);
    const { body } = await bed.api.get('/users/heidi/grants');
    const [{ id } = { id: '' }] = body['grants'] as { id: string }[];
    expect((await bed.api.delete(`/grants/${id}`, { mode: 'local' })).status).toBe(200);
    await until(async () => (await ask([forwarded()], { user: 'heidi' })).status !== 200);
    expectRefusal(await ask([forwarded()], { user: 'heidi' }), 403, 'not_connected');
  });

  test('describes it as one operation, with a header for each parameter', async () => {
    const { paths } = (await (await fetch(`${bed.url}/openapi.json`)).json()) as {
      paths: Record<
        string,
        Record<string, { parameters: { name: string; in: string; required: boolean }[] }>
      >;
    };
    expect(Object.keys(paths['/authz'] ?? {})).toEqual(['get']);
    const query = paths['/tokens/{userId}']?.['get']?.parameters.filter(
      (parameter) => parameter.in === 'query',
    );
    const names = query?.map(({ name }) => `x-token-broker-${name.replaceAll('_', '-')}`) ?? [];
    const parameters = paths['/authz']?.['get']?.parameters ?? [];
    expect(names.length).toBeGreaterThan(4);
    const all = [...names, 'x-forwarded-host', 'x-token-broker-user'];
    expect(parameters.map(({ name }) => name).sort()).toEqual(all.sort());
    expect(parameters.filter(({ required }) => required).map(({ name }) => name)).toEqual([
      'x-forwarded-host',
      'x-token-broker-user',
    ]);
  });

  test('counts it for the limit of its service, which it shares with GET /tokens/:userId', async () => {
    await bed.restart({ SERVICE_RATE_LIMIT: '2' });
    const service = await bed.service();
    expect((await service.token('erin')).status).toBe(404);
    expectRefusal(await ask([forwarded()], { key: service.key, user: 'erin' }), 403, 'not_connected');
    const tooMany = await ask([forwarded()], { key: service.key, user: 'erin' });
    expectRefusal(tooMany, 429, 'rate_limited');
    expect(Number(tooMany.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await service.token('erin')).status).toBe(429);
  });
});
