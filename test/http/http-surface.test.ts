import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { sendRaw } from '../support/raw-http.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

describe('every route', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  test('is healthy, live, and ready while the database answers', async () => {
    expect(await (await fetch(`${bed.url}/health/live`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${bed.url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ status: 'ok', details: { database: { status: 'up' } } });
  });

  test('is counted in the metrics by its pattern, never by user', async () => {
    await bed.api.token('a-very-special-user');
    const text = await (await fetch(`${bed.url}/metrics`)).text();
    expect(text).toContain(
      'token_broker_http_request_duration_seconds_count{method="GET",route="/tokens/:userId",status="404",code="not_connected"',
    );
    expect(text).not.toContain('a-very-special-user');
  });

  test('is described by the API, with every endpoint and error', async () => {
    const document = (await (await fetch(`${bed.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
    };
    expect(Object.keys(document.paths).sort()).toEqual([
      '/.well-known/oauth-authorization-server',
      '/audit',
      '/audit/export',
      '/authz',
      '/connect/completions',
      '/connect/tickets',
      '/connect/tickets/{id}',
      '/grants',
      '/grants/import',
      '/grants/{id}',
      '/health/live',
      '/health/ready',
      '/metrics',
      '/oauth2/token',
      '/security-events/google',
      '/services/self/credentials',
      '/services/self/credentials/{id}',
      '/tokens/{userId}',
      '/users/{userId}',
      '/users/{userId}/ads/customers',
      '/users/{userId}/grants',
    ]);
    const statuses = Object.keys(document.paths['/tokens/{userId}']?.['get']?.responses ?? {});
    expect(statuses).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '409', '410', '429', '502', '503']),
    );
    const docs = await fetch(`${bed.url}/docs`);
    expect(docs.status).toBe(200);
    expect(await docs.text()).toContain('swagger-ui');
  });

  test.each([
    ['GET ftp://broker.example.com/metrics', 404],
    ['GET http://broker.example.com/metrics', 200],
    ['PUT http://broker.example.com/metrics', 405],
    ['GET /docs/../metrics', 404],
    ['GET /docs/..%2f..%2fpackage.json', 404],
  ])('answers %s with %d', async (line, status) => {
    const response = await sendRaw(bed.url, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(response.status).toBe(status);
    if (status === 404) expect(response.body).toMatchObject({ status: 404, code: 'not_found' });
  });

  test.each([
    ['text/html', 'text/html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
    ['text/html, application/xhtml+xml, */*', 'text/html'],
    ['TEXT/HTML; charset=utf-8; Q=0.5, application/json;q=0.4', 'text/html'],
    ['application/json, text/html;q=0.1', 'application/problem+json'],
    ['text/html;q=0.5, application/*', 'application/problem+json'],
    ['text/html;q=0', 'application/problem+json'],
    ['text/*, */*', 'application/problem+json'],
    ['*/*', 'application/problem+json'],
  ])(
    'refuses a caller that accepts %s with %s, and one with a credential never with a page',
    async (accept, type) => {
      const typeOf = async (path: string, headers: Record<string, string>) =>
        (await fetch(`${bed.url}${path}`, { headers: { accept, ...headers } })).headers.get('content-type');
      expect(await typeOf('/tokens/nobody', {})).toContain(type);
      expect(await typeOf('/nowhere', {})).toContain(type);
      const authorization = `Bearer ${bed.api.key}`;
      expect(await typeOf('/tokens/nobody', { authorization })).toContain('application/problem+json');
      expect(await typeOf('/tokens/nobody', { authorization: 'Basic YTpi' })).toContain(
        'application/problem+json',
      );
      // Where a proxy has a password of its own, a browser sends it with each page.
      expect(await typeOf('/connect?ticket=x', { authorization: 'Basic YTpi' })).toContain(type);
    },
  );

  describe('that is called with a Host header', () => {
    const send = (lines: string, version = '1.1', path = '/health/live') =>
      sendRaw(bed.url, `GET ${path} HTTP/${version}\r\n${lines}Connection: close\r\n\r\n`);

    test.each([
      ['none', ''],
      ['two', 'Host: x\r\nHost: y\r\n'],
      ['two that are equal', 'Host: x\r\nHost: x\r\n'],
      ['two in different cases', 'Host: x\r\nHOST: x\r\n'],
      ['a space', 'Host: a b\r\n'],
      ['a user', 'Host: a@b\r\n'],
      ['a list', 'Host: a, b\r\n'],
      ['a path', 'Host: a/b\r\n'],
      ['a query', 'Host: a?b\r\n'],
      ['a fragment', 'Host: a#b\r\n'],
      ['a scheme', 'Host: http://a\r\n'],
      ['a port that is none', 'Host: a:b\r\n'],
      ['two ports', 'Host: a:1:2\r\n'],
      ['an address in brackets that do not close', 'Host: [::1\r\n'],
      ['an address of IPv6 without brackets', 'Host: ::1\r\n'],
      ['a broken percent-encoding', 'Host: a%2\r\n'],
      ['a quote', 'Host: a"b\r\n'],
      ['bytes beyond ASCII', 'Host: \u00fc\r\n'],
      ['a tab', 'Host: a\tb\r\n'],
    ])('refuses %s with 400 as a problem', async (_, lines) => {
      for (const path of ['/health/live', '/tokens/alice', '/nowhere', '/connect?ticket=x']) {
        const response = await send(lines, '1.1', path);
        expect(response.status).toBe(400);
        expect(response.headers.get('content-type')).toContain('application/problem+json');
        expect(response.headers.get('x-content-type-options')).toBe('nosniff');
        expect(response.body).toMatchObject({ status: 400, code: 'invalid_request' });
      }
    });

    test.each([
      'x',
      'a-b.example.com',
      'a:8080',
      'a:',
      '127.0.0.1:80',
      '[::1]',
      '[::1]:80',
      'a_b',
      'a%20b',
      '',
    ])('accepts %j', async (host) => {
      expect((await send(`Host: ${host}\r\n`)).status).toBe(200);
    });

    test('accepts none in HTTP/1.0, and no two', async () => {
      expect((await send('', '1.0')).status).toBe(200);
      expect((await send('Host: x\r\nHost: y\r\n', '1.0')).status).toBe(400);
    });
  });

  // Node ends the stream of such a request before it is handled.
  test.each([
    ['GET', '/grants', '', 401, 'Send a service key'],
    ['GET', '/grants', 'Host: x\r\n', 400, 'The header Host stands there more than once.'],
    ['TRACE', '/grants', '', 405, 'Only GET, HEAD, OPTIONS'],
    ['POST', '/connect/tickets', 'Content-Type: application/json\r\n', 401, ''],
    ['POST', '/oauth2/token', 'Content-Type: application/x-www-form-urlencoded\r\n', 400, ''],
    ['POST', '/security-events/google', 'Content-Type: application/secevent+jwt\r\n', 400, ''],
  ])('answers %s %s without a body (%j) with its own %i', async (method, path, headers, status, detail) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`;
    const response = await sendRaw(bed.url, head);
    expect(response.status).toBe(status);
    expect(response.text).toContain(detail);
    expect(response.text).not.toContain('before the request was complete');
  });

  test('that is a page runs no script and loads nothing from elsewhere', async () => {
    const response = await new Browser().open(await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE }));
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'none'");
    // The connect page's form begins a chain of redirects that cannot be listed; every other form stays with the broker.
    expect(policy).not.toContain('form-action');
    const refused = await new Browser().open(`${bed.url}/connect?ticket=x`);
    expect(refused.headers.get('content-security-policy')).toContain("form-action 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    // Its form names its origin only so, and no other origin gets the ticket.
    expect(response.headers.get('referrer-policy')).toBe('same-origin');
    expect(refused.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.text).not.toContain('<script');
    const style = await fetch(`${bed.url}/style.css`);
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
  });

  test('escapes text of a service or a user', async () => {
    const url = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, account_hint: '<b>"x"&' });
    const response = await new Browser().open(url);
    expect(response.text).toContain('&lt;b>&quot;x&quot;&amp;');
    expect(response.text).not.toContain('<b>"x"');
  });

  test.each([
    [{ email: ALICE.email }, `${ALICE.email}, and no other`],
    [{ hd: 'example.com' }, 'one of example.com, and no other'],
  ])('that connects names the required account %j', async (require_account, words) => {
    const url = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, require_account });
    const { text } = await new Browser().open(url);
    expect(text.replaceAll(/<\/?bdi[^>]*>/g, '')).toContain(`<dd>${words}</dd>`);
  });

  test.each([
    ['/connect', 'This link does not work', 'open the link exactly as the app gave it to you'],
    ['/callback', 'This page cannot be opened by itself', 'This page can only be reached from Google’s own.'],
    ['/callback?state=a&state=b', 'This answer cannot be used', 'It is not as Google sends it.'],
  ])('shows an error page in words for people, as %s does', async (path, title, words) => {
    const { text } = await new Browser().open(`${bed.url}${path}`);
    expect(text).toContain(`${title}</h1>`);
    expect(text).toContain(words);
  });

  test('names permissions in a list that ends with what says who the user is', async () => {
    const { text } = await bed.api.connect({ user_id: 'in-order', scope: YOUTUBE }, { account: ALICE.email });
    const order = [YOUTUBE, 'userinfo.email', 'openid'].map((scope) => text.indexOf(`${scope}</code>`));
    expect(order).toEqual(order.toSorted((one, other) => one - other));
    expect(Math.min(...order)).toBeGreaterThan(0);
  });

  test('uses a well-formed request id of the caller, in problems too', async () => {
    const ask = async (id: string) => {
      const response = await fetch(`${bed.url}/tokens/alice`, { headers: { 'x-request-id': id } });
      return ((await response.json()) as { request_id: string }).request_id;
    };
    expect(await ask('my-request.1')).toBe('my-request.1');
    expect(await ask('no "good"')).toMatch(/^[0-9a-f-]{36}$/);
    expect(bed.log()).toContain('"request_id":"my-request.1"');
  });

  test('answers too many requests with 429 and Retry-After, counted per service and per address', async () => {
    await bed.restart({ SERVICE_RATE_LIMIT: '3', BROWSER_RATE_LIMIT: '2' });
    const [one, other] = [await bed.service(), await bed.service()];
    const statuses = [];
    for (let call = 0; call < 4; call++) statuses.push((await one.token('alice')).status);
    expect(statuses).toEqual([404, 404, 404, 429]);
    const limited = await one.token('alice');
    expect(limited.body).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await other.token('alice')).status).toBe(404);

    const page = () => new Browser().open(`${bed.url}/connect?ticket=x`);
    expect((await page()).status).toBe(400);
    expect((await page()).status).toBe(400);
    const slowDown = await page();
    expect(slowDown.status).toBe(429);
    expect(slowDown.text).toContain('Too many calls');
    const policy = slowDown.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    // The page may load its style and its empty icon.
    expect(policy).toContain("style-src 'self'");
    expect(policy).toContain('img-src data:');
    expect((await fetch(`${bed.url}/style.css`)).status).toBe(200);
  });

  test('counts a /64 of IPv6 as one address', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '1', TRUSTED_PROXIES: '127.0.0.1' });
    const from = async (address: string) =>
      (await fetch(`${bed.url}/nowhere`, { headers: { 'x-forwarded-for': address } })).status;
    expect(await from('2001:db8:1:2::1')).toBe(404);
    expect(await from('2001:db8:1:2:ffff::2')).toBe(429);
    expect(await from('2001:db8:1:3::1')).toBe(404);
    expect(await from('192.0.2.1')).toBe(404);
    expect(await from('::ffff:192.0.2.1')).toBe(429);
  });

  test('binds its cookie to this host with https', async () => {
    // A client JSON may omit its redirect URIs; then they cannot be checked.
    const client = join(mkdtempSync(join(tmpdir(), 'token-broker-https-')), 'client.json');
    writeFileSync(
      client,
      JSON.stringify({ web: { client_id: 'default', client_secret: 'x', project_id: 'p' } }),
    );
    await bed.restart({ PUBLIC_URL: 'https://broker.example.com', GOOGLE_CLIENT_SECRETS: client });
    const link = new URL(await (await bed.service()).connectUrl({ user_id: 'alice', scope: YOUTUBE }));
    expect(link.origin).toBe('https://broker.example.com');
    const response = await new Browser().submit(new URL('/connect', bed.url), {
      ticket: link.searchParams.get('ticket') ?? '',
    });
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-connect-[\w-]{12}=[\w-]{43}; Max-Age=7200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(response.headers.get('strict-transport-security')).toContain('max-age=');
  });
});
