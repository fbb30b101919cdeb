/** Rate limits: what a caller without a valid credential can cost others, and what it cannot. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { Api, Browser } from '../support/api.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { openSocket, sendRaw } from '../support/raw-http.js';
import { ALICE, startTestBed, type TestBed } from '../support/test-bed.js';

const AUDIENCE = 'https://broker.example.com';
const ANYTHING = {
  clients: ['*'],
  scopes: ['*'],
  users: ['*'],
  audit: false,
  disconnect: false,
  revoke: false,
  force: false,
  import: false,
};

let bed: TestBed;
let issuer: LocalIssuer;
let signingKey: SigningKey;

beforeAll(async () => {
  issuer = await LocalIssuer.start();
  signingKey = await SigningKey.make('key-1');
  issuer.keys = [signingKey.publicJwk];
  const issuers = join(mkdtempSync(join(tmpdir(), 'token-broker-limits-')), 'issuers.json');
  writeFileSync(issuers, JSON.stringify([{ issuer: issuer.url, audience: AUDIENCE }]));
  bed = await startTestBed({ SERVICE_ISSUERS_FILE: issuers });
});
afterAll(async () => {
  await bed.stop();
  await issuer.stop();
});

const forgedKey = () => `Bearer tbk_abcdefghijkm_${randomUUID().replaceAll('-', '').padEnd(43, 'A')}`;
const jwt = (key: SigningKey, sub: string) => {
  const now = Math.floor(Date.now() / 1000);
  return key.sign({ iss: issuer.url, aud: AUDIENCE, sub, iat: now, exp: now + 600, jti: randomUUID() });
};
const ask = (path: string, headers: Record<string, string> = {}) => fetch(`${bed.url}${path}`, { headers });
const statusOf = async (path: string, headers: Record<string, string> = {}) => {
  const response = await ask(path, headers);
  // A connection whose body is not read stays busy, and a restart would wait for it.
  await response.arrayBuffer();
  return response.status;
};

/** Statuses of many calls, a hundred at a time, with how often each came. */
async function flood(
  calls: number,
  call: (index: number) => Promise<number>,
): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (let at = 0; at < calls; at += 100) {
    const batch = Array.from({ length: Math.min(100, calls - at) }, (_, index) => call(at + index));
    for (const status of await Promise.all(batch)) counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

describe('invalid credentials', () => {
  test('count for their address when 2,000 of them are forged keys, and not for a service there', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '20', SERVICE_RATE_LIMIT: '6' });
    const [known, fresh] = [await bed.service(), await bed.service()];
    for (let call = 0; call < 3; call++) expect((await known.token('alice')).status).toBe(404);

    const counts = await flood(2000, () => statusOf('/tokens/alice', { authorization: forgedKey() }));
    // Those that were let in before the first was refused may be more than the limit, one batch at most.
    expect(counts[401]).toBeGreaterThanOrEqual(20);
    expect(counts[401]).toBeLessThanOrEqual(120);
    expect((counts[401] ?? 0) + (counts[429] ?? 0)).toBe(2000);

    for (let call = 0; call < 3; call++) expect((await known.token('alice')).status).toBe(404);
    expect((await known.token('alice')).status).toBe(429);
    expect((await fresh.token('alice')).status).toBe(404);
    const late = await bed.service();
    expect((await late.token('alice')).status).toBe(404);
  });

  test('get in each refusal the time to retry, and the headers of every response', async () => {
    const refused = await ask('/tokens/alice', { authorization: forgedKey() });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-content-type-options')).toBe('nosniff');
    const problem = (await refused.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(refused.headers.get('x-request-id')).toBe(problem['request_id']);
    const metrics = await (await ask('/metrics')).text();
    expect(metrics).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="[^"]+",status="429"[^}]*\} \d+/,
    );
  });

  test.each([
    ['JWTs of a stranger', async () => `Bearer ${await jwt(await SigningKey.make('key-1'), 'reports')}`],
    ['text that is no credential at all', () => Promise.resolve(`Bearer ${randomUUID()}`)],
    ['another scheme', () => Promise.resolve(`Basic ${randomUUID()}`)],
  ])('count in the same way when they are %s', async (_, make) => {
    await bed.restart({ BROWSER_RATE_LIMIT: '3' });
    const statuses = [];
    for (let call = 0; call < 5; call++)
      statuses.push(await statusOf('/tokens/alice', { authorization: await make() }));
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  });

  test('from an address over its limit do not stop a service that authenticates with each new JWT', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '3' });
    const subject = `reports-${randomUUID()}`;
    await bed.app
      .get(ServiceRegistry)
      .createForIdentity(`jwt ${randomUUID()}`, ANYTHING, { issuer: issuer.url, subject });
    await flood(10, () => statusOf('/tokens/alice', { authorization: forgedKey() }));
    expect(await statusOf('/tokens/alice')).toBe(429);
    for (let call = 0; call < 5; call++)
      expect(
        await statusOf('/tokens/alice', { authorization: `Bearer ${await jwt(signingKey, subject)}` }),
      ).toBe(404);
  });

  test('whose bodies do not come leave a service at their address every new JWT', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '3' });
    const subject = `slow-${randomUUID()}`;
    await bed.app
      .get(ServiceRegistry)
      .createForIdentity(`jwt ${randomUUID()}`, ANYTHING, { issuer: issuer.url, subject });
    await flood(10, () => statusOf('/tokens/alice', { authorization: forgedKey() }));
    const sockets = await Promise.all(Array.from({ length: 10 }, () => beginTicket()));
    try {
      expect(
        await statusOf('/tokens/alice', { authorization: `Bearer ${await jwt(signingKey, subject)}` }),
      ).toBe(404);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  test('include a revoked key, however long it was valid before', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '3' });
    const name = `revoked ${randomUUID()}`;
    const { key } = await bed.app.get(ServiceRegistry).create(name, ANYTHING);
    const service = new Api(bed.url, key.reveal());
    for (let call = 0; call < 5; call++) expect((await service.token('alice')).status).toBe(404);
    await bed.app.get(ServiceRegistry).revoke(name);
    const statuses = [];
    for (let call = 0; call < 5; call++) statuses.push((await service.token('alice')).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  });

  test.each([
    ['an unknown path', () => statusOf('/nowhere')],
    ['another method', async () => (await fetch(`${bed.url}/tokens/alice`, { method: 'PUT' })).status],
    ['OPTIONS', async () => (await fetch(`${bed.url}/tokens/alice`, { method: 'OPTIONS' })).status],
    ['a malformed URL', () => statusOf('/tokens/%')],
    ['a body that cannot be read', () => postTicket('{')],
    ['a body that is too large', () => postTicket(`"${'a'.repeat(70_000)}"`)],
    [
      'headers that are too large',
      async () =>
        (await sendRaw(bed.url, `GET /x HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)).status,
    ],
    ['what is no HTTP', async () => (await sendRaw(bed.url, 'hello\r\n\r\n')).status],
  ])('count together with %s', async (_, call) => {
    await bed.restart({ BROWSER_RATE_LIMIT: '3' });
    for (let turn = 0; turn < 3; turn++) expect(await call()).not.toBe(429);
    expect(await call()).toBe(429);
    expect(await statusOf('/tokens/alice', { authorization: forgedKey() })).toBe(429);
    expect((await bed.api.token('alice')).status).toBe(404);
  });

  /** A request whose body never comes. It is there once the broker says that it reads the body, or that it does not. */
  async function beginTicket(): Promise<Socket> {
    const socket = openSocket(bed.url);
    socket.write(
      `POST /connect/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x.y.${randomUUID()}\r\nExpect: 100-continue\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n',
    );
    await new Promise((received) => socket.once('data', received));
    return socket;
  }

  function postTicket(body: string): Promise<number> {
    const headers = { 'content-type': 'application/json', authorization: forgedKey() };
    return fetch(`${bed.url}/connect/tickets`, { method: 'POST', headers, body }).then(
      ({ status }) => status,
    );
  }
});

describe('exempt routes', () => {
  test('include health, metrics, the OpenAPI document and the stylesheet by exact path', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '2' });
    for (const path of [
      '/health/live',
      '/health/ready',
      '/metrics',
      '/metrics?x=1',
      '/openapi.json',
      '/style.css',
    ])
      expect(await flood(20, () => statusOf(path))).toEqual({ 200: 20 });
    for (const path of [
      '/health/other',
      '/healthy',
      '/metricsx',
      '/metrics/x',
      '/openapi.jsonx',
      '/style.cssx',
      '/HEALTH/live',
    ]) {
      await bed.restart({ BROWSER_RATE_LIMIT: '2' });
      expect([await statusOf(path), await statusOf(path), await statusOf(path)]).toEqual([404, 404, 429]);
    }
  });

  test('exclude pages for browsers and the documentation, which count by address', async () => {
    for (const path of ['/connect', '/docs']) {
      await bed.restart({ BROWSER_RATE_LIMIT: '2' });
      const first = path === '/docs' ? 200 : 400;
      expect([await statusOf(path), await statusOf(path), await statusOf(path)]).toEqual([first, first, 429]);
    }
  });
});

describe('pages for browsers', () => {
  const SITES = ['cross-site', 'same-site'];
  const EMBEDDED = [
    { 'sec-fetch-dest': 'image' },
    { 'sec-fetch-dest': 'iframe' },
    { 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' },
  ];

  test.each(['/logos/1', '/connect', '/callback?code=x'])(
    'count what pages of others embed and load ahead apart, as with %s',
    async (path) => {
      await bed.restart({ BROWSER_RATE_LIMIT: '4' });
      const embedded = SITES.flatMap((site) =>
        EMBEDDED.map((headers) => ({ ...headers, 'sec-fetch-site': site })),
      );
      const statuses = [];
      for (const headers of embedded) statuses.push(await navigate(path, headers));
      expect(statuses.map((status) => status === 429)).toEqual([
        ...Array.from({ length: 4 }, () => false),
        ...Array.from({ length: 4 }, () => true),
      ]);
      // What people open, with any browser, and what the broker's own pages load.
      const opened = [
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
        { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' },
        { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'image' },
        {},
      ];
      for (const headers of opened) expect(await navigate(path, headers)).not.toBe(429);
      for (const headers of opened) expect(await navigate(path, headers)).toBe(429);
    },
  );

  async function navigate(path: string, headers: Record<string, string>): Promise<number> {
    const response = await fetch(`${bed.url}${path}`, { headers, redirect: 'manual' });
    await response.arrayBuffer();
    return response.status;
  }
});

describe('security events', () => {
  const subject = () => ({ subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub });
  const deliver = (to: string | null = `${bed.url}/security-events/google`) =>
    bed.google.control.sendSecurityEvent({
      type: 'sessions-revoked',
      subject: subject(),
      audience: 'default',
      to,
    });
  const post = async (body: string, headers: Record<string, string> = {}) =>
    fetch(`${bed.url}/security-events/google`, {
      method: 'POST',
      headers: { 'content-type': 'application/secevent+jwt', ...headers },
      body,
    });
  /** Only the signature is wrong. */
  const forge = async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const [header = '', claims = ''] = (await deliver(null)).token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    return new SignJWT(JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>)
      .setProtectedHeader({ alg: 'RS256', kid })
      .sign(privateKey);
  };

  test('are all accepted where 130 genuine ones come at once, whatever the limit for browsers is', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '120' });
    const counts = await flood(130, async () => (await deliver()).status ?? 0);
    expect(counts).toEqual({ 202: 130 });
  });

  test('that are junk do not block pages from the same address, and each of 125 is refused with its own error', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '120' });
    const junk = () => post('junk', { authorization: `Bearer ${randomUUID()}` }).then(({ status }) => status);
    expect(await flood(125, junk)).toEqual({ 400: 125 });
    expect((await new Browser().open(`${bed.url}/connect?ticket=x`)).status).toBe(400);
    expect(await statusOf('/tokens/alice')).toBe(401);
  });

  test('over their own limit are rate limited as junk, with any credential, and genuine ones are not', async () => {
    await bed.restart({ SECURITY_EVENT_RATE_LIMIT: '3' });
    const forged = await forge();
    const authorization = `Bearer ${bed.api.key}`;
    for (const body of ['junk', forged, 'x.y.z'])
      expect((await post(body, { authorization })).status).toBe(400);
    for (const body of ['junk', forged, 'x.y.z', 'a'.repeat(20_000)]) {
      const refused = await post(body, { authorization });
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(await flood(50, async () => (await deliver()).status ?? 0)).toEqual({ 202: 50 });
    expect((await post('junk')).status).toBe(429);
    expect((await new Browser().open(`${bed.url}/connect?ticket=x`)).status).toBe(400);
  });
});

describe('a broker behind a proxy', () => {
  test('counts malformed and forged addresses for the proxy', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '2', TRUSTED_PROXIES: '127.0.0.1' });
    const from = (address: string) => statusOf('/nowhere', { 'x-forwarded-for': address });
    const garbage = [
      'unknown',
      `x${randomUUID()}`,
      '_hidden',
      '1.2.3',
      '300.1.1.1',
      `9.9.9.9, ${randomUUID()}`,
    ];
    expect(await flood(6, (at) => from(garbage[at] ?? ''))).toEqual({ 404: 2, 429: 4 });
    expect(await from('198.51.100.7:5678')).toBe(404);
    expect(await from('198.51.100.7:9, , ')).toBe(404);
    expect(await from('203.0.113.9, 198.51.100.7')).toBe(429);
    expect(await from('[2001:db8::1]:443')).toBe(404);
    expect(await from('2001:db8::2')).toBe(404);
    expect(await from('[2001:db8::3]')).toBe(429);
  });

  test('reads Forwarded (RFC 7239) without X-Forwarded-For', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '1', TRUSTED_PROXIES: '127.0.0.1' });
    const from = (forwarded: string) => statusOf('/nowhere', { forwarded });
    expect(await from('for=192.0.2.60;proto=http;by=203.0.113.43')).toBe(404);
    expect(await from('proto=https;For="192.0.2.60:4711"')).toBe(429);
    expect(await from('for="[2001:db8:cafe::17]:4711"')).toBe(404);
    expect(await from('for=unknown, for="[2001:db8:cafe::18]"')).toBe(429);
  });
});
