import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Api, Browser } from '../support/api.js';
import { contractOf } from '../support/contract.js';
import { APP, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const cursor = (text: string) => Buffer.from(text).toString('base64url');

/** What the database holds, apart from the services that tests make. */
async function stored(bed: TestBed): Promise<number> {
  const [row] = await bed.sql(
    'SELECT (SELECT count(*) FROM grants) + (SELECT count(*) FROM authorization_requests) ' +
      '+ (SELECT count(*) FROM refresh_tokens) AS rows',
  );
  return Number(row?.['rows']);
}

describe('bad input gets a clear error and loses nothing', () => {
  let bed: TestBed;
  let before: number;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    before = await stored(bed);
  });
  afterAll(() => bed.stop());

  const ticket = { user_id: 'alice', scope: YOUTUBE };
  const tickets: [string, unknown, string][] = [
    ['no user', { scope: YOUTUBE }, 'user_id'],
    ['an empty user', { ...ticket, user_id: '' }, 'user_id'],
    ['a user with a line break', { ...ticket, user_id: 'a\nb' }, 'user_id'],
    ['a user with a NUL', { ...ticket, user_id: 'a\u0000b' }, 'user_id'],
    ['a user with half a character', { ...ticket, user_id: 'a\ud800' }, 'user_id'],
    ['a hint with a NUL', { ...ticket, account_hint: 'a\u0000b' }, 'account_hint'],
    ['a hint with half a character', { ...ticket, account_hint: '\udc00a' }, 'account_hint'],
    ['a client with a NUL', { ...ticket, client: 'a\u0000' }, 'client'],
    ['a scope with a NUL', { ...ticket, scope: `${YOUTUBE}\u0000` }, 'scope'],
    ['a return_to with a line break', { ...ticket, return_to: `${APP}/\nx` }, 'return_to'],
    [
      'a required email with a control character',
      { ...ticket, require_account: { email: '"a\u0001b"@example.com' } },
      'require_account.email',
    ],
    ['a user that is a number', { ...ticket, user_id: 7 }, 'user_id'],
    ['a user of 256 characters', { ...ticket, user_id: 'a'.repeat(256) }, 'user_id'],
    ['a user of 256 emoji', { ...ticket, user_id: '😀'.repeat(256) }, 'user_id'],
    ['no scope', { user_id: 'alice' }, 'scope'],
    ['an empty scope', { ...ticket, scope: ' ' }, 'scope'],
    ['a scope that is neither URL nor alias', { ...ticket, scope: 'youtube' }, 'scope'],
    ['a scope that is plain http', { ...ticket, scope: 'http://www.googleapis.com/auth/youtube' }, 'scope'],
    ['a scope with a quote in it', { ...ticket, scope: 'https://x.example/"' }, 'scope'],
    [
      '51 scopes',
      { ...ticket, scope: Array.from({ length: 51 }, (_, i) => `https://x.example/${i}`).join(' ') },
      'scope',
    ],
    ['scopes as an array', { ...ticket, scope: [YOUTUBE] }, 'scope'],
    ['an unknown client', { ...ticket, client: 'unknown' }, 'client'],
    [
      'a required account that is no email',
      { ...ticket, require_account: { email: 'x' } },
      'require_account.email',
    ],
    [
      'a required account that is a list',
      { ...ticket, require_account: [{ email: 'a@b.example' }] },
      'require_account',
    ],
    ['a required account that says nothing', { ...ticket, require_account: {} }, 'require_account'],
    [
      'a required account of nulls',
      { ...ticket, require_account: { email: null, hd: null } },
      'require_account',
    ],
    ['a required account that is text', { ...ticket, require_account: 'bob@example.com' }, 'require_account'],
    ['a required account that is a number', { ...ticket, require_account: 7 }, 'require_account'],
    ['a required account that is true', { ...ticket, require_account: true }, 'require_account'],
    ['a required account that is an empty list', { ...ticket, require_account: [] }, 'require_account'],
    ['a required account that is false', { ...ticket, require_account: false }, 'require_account'],
    [
      'a required email that is an object',
      { ...ticket, require_account: { email: { sub: 'x' } } },
      'require_account.email',
    ],
    [
      'a required account with a member that is not known',
      { ...ticket, require_account: { email: 'a@b.example', name: 'x' } },
      'require_account.name',
    ],
    [
      'a required sub with a line break',
      { ...ticket, require_account: { sub: '1\n2' } },
      'require_account.sub',
    ],
    ['a required domain of any', { ...ticket, require_account: { hd: '*' } }, 'require_account.hd'],
    [
      'a required email with half a character',
      { ...ticket, require_account: { email: '\ud800@b.example' } },
      'require_account.email',
    ],
    ['a hint with a NUL', { ...ticket, account_hint: 'a\u0000b' }, 'account_hint'],
    ['a hint with half a character', { ...ticket, account_hint: '\ud800' }, 'account_hint'],
    ['a hint with a line break', { ...ticket, account_hint: 'a@b.example\r\nx' }, 'account_hint'],
    ['a hint that is neither email nor sub', { ...ticket, account_hint: 'Alice Example' }, 'account_hint'],
    ['a hint that is empty', { ...ticket, account_hint: '' }, 'account_hint'],
    ['a hint that is an object', { ...ticket, account_hint: { email: 'a@b.example' } }, 'account_hint'],
    ['a client with a NUL', { ...ticket, client: 'default\u0000' }, 'client'],
    ['a scope of another API provider', { ...ticket, scope: 'https://example.com/auth/x' }, 'scope'],
    ["a scope that is only Google's host", { ...ticket, scope: 'https://www.googleapis.com/' }, 'scope'],
    ['a scope without a name', { ...ticket, scope: 'https://www.googleapis.com/auth/' }, 'scope'],
    ['a scope with a query', { ...ticket, scope: `${YOUTUBE}?x=1` }, 'scope'],
    ['a scope with a port', { ...ticket, scope: 'https://www.googleapis.com:443/auth/youtube' }, 'scope'],
    ['a scope with a user name', { ...ticket, scope: 'https://x@www.googleapis.com/auth/youtube' }, 'scope'],
    ['scopes separated by a line break', { ...ticket, scope: `${YOUTUBE}\n${YOUTUBE}` }, 'scope'],
    ['a scope with a NUL', { ...ticket, scope: `${YOUTUBE}\u0000` }, 'scope'],
    ['a return_to with a NUL', { ...ticket, return_to: `${APP}/\u0000` }, 'return_to'],
    ['a return_to with a line break', { ...ticket, return_to: `${APP}/a\nb` }, 'return_to'],
    [
      'a return_to with a tab in its host',
      { ...ticket, return_to: 'https://app.exam\tple.com/' },
      'return_to',
    ],
    ['a return_to with a backslash', { ...ticket, return_to: `${APP}\\@evil.example/` }, 'return_to'],
    ['a return_to with half a character', { ...ticket, return_to: `${APP}/\udfff` }, 'return_to'],
    ['confirm with a return_to of null', { ...ticket, confirm: true, return_to: null }, 'return_to'],
    ['a misspelt member', { ...ticket, return_too: APP }, 'return_too'],
    ['a member that every object inherits', { ...ticket, toString: 1 }, 'toString'],
    [
      'a required account with an inherited member',
      { ...ticket, require_account: { email: 'a@b.example', constructor: 'x' } },
      'require_account.constructor',
    ],
    ['a return_to that is no URL', { ...ticket, return_to: '/after' }, 'return_to'],
    ['a return_to that is script', { ...ticket, return_to: 'javascript:alert(1)' }, 'return_to'],
    ['a return_to outside the allow-list', { ...ticket, return_to: 'https://evil.example/' }, 'return_to'],
    [
      'a return_to whose user name looks allowed',
      { ...ticket, return_to: `https://app.example.com@evil.example/` },
      'return_to',
    ],
    ['a return_to on another port', { ...ticket, return_to: `${APP}:8443/` }, 'return_to'],
  ];

  test.each(tickets)('POST /connect/tickets is refused with %s', async (_, body, field) => {
    const response = await bed.api.post('/connect/tickets', body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(response.body).toMatchObject({
      type: 'urn:token-broker:problem:invalid_request',
      status: 400,
      code: 'invalid_request',
      errors: { [field]: expect.stringMatching(/\.$/) },
      request_id: expect.any(String),
    });
    expect(await stored(bed)).toBe(before);
  });

  test('a required account has its conditions explained in words for its author', async () => {
    const { body } = await bed.api.post('/connect/tickets', {
      ...ticket,
      require_account: 'bob@example.com',
    });
    expect(body['errors']).toEqual({ require_account: 'must be an object with email, sub or hd.' });
  });

  test('more than the link of a refusal can carry is refused when it is requested; a ticket of a service may ask for it', async () => {
    const scope = Array.from(
      { length: 50 },
      (_, i) => `https://www.googleapis.com/auth/${'a'.repeat(40)}${i}`,
    ).join(' ');
    const wide = { scope, return_to: `${APP}/${'é'.repeat(1400)}` };
    const refused = await bed.api.token('unknown', wide);
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ errors: { scope: expect.stringContaining('a link can carry') } });
    const good = await bed.api.token('unknown', { scope, return_to: `${APP}/${'e'.repeat(1000)}` });
    for (const url of [String(good.body['connect_url']), await bed.api.connectUrl({ ...ticket, ...wide })])
      expect((await new Browser().open(url)).status).toBe(200);
  });

  test.each([
    ['a sub', { account_hint: '103400000000000000001' }],
    ['an email', { account_hint: 'alice@example.com' }],
    ['an older scope', { scope: 'https://mail.google.com/ https://www.google.com/calendar/feeds/' }],
    ['an address with other letters', { return_to: `${APP}/müller?x=1#top` }],
  ])('%s is accepted', async (_, more) => {
    expect((await bed.api.post('/connect/tickets', { ...ticket, ...more })).status).toBe(201);
  });

  test('an account with a NUL is refused for tokens, too', async () => {
    const response = await bed.api.token('alice', { account: 'a\u0000b' });
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ errors: { account: expect.any(String) } });
  });

  test.each([
    ['a name', 'Alice Example', null],
    ['half an email', 'alice@', null],
    ['an email', 'alice@example.com', 'alice@example.com'],
    ['a sub', '103400000000000000009', '103400000000000000009'],
  ])(
    'for %s as account, the link in the refusal suggests to Google only what Google takes',
    async (_, account, hint) => {
      const { status, body } = await bed.api.token('stranger', { account, scope: YOUTUBE });
      expect(status).toBe(404);
      const consent = await new Browser().begin(new URL(body['connect_url'] as string).href);
      expect(consent.searchParams.get('login_hint')).toBe(hint);
    },
  );

  test('null means not set, as JSON writers have it', async () => {
    const unset = { client: null, account_hint: null, require_account: null, return_to: null };
    expect((await bed.api.post('/connect/tickets', { ...ticket, ...unset })).status).toBe(201);
    // A likely typo all the same.
    expect(await bed.api.post('/connect/tickets', { ...ticket, return_too: null })).toMatchObject({
      status: 400,
      body: { errors: { return_too: 'is not known here.' } },
    });
    const importer = await bed.service({ import: true });
    const item = { user_id: 'alice', refresh_token: '1//x', client: null, scopes: null, account: null };
    const { status, body } = await importer.post('/grants/import', { grants: [item], dry_run: true });
    expect([status, JSON.stringify(body)]).toEqual([200, expect.not.stringContaining('errors')]);
  });

  test.each([
    ['that is not JSON', '{"user_id": "alice', 'application/json', 400],
    [
      'that nests 20,000 deep',
      `{"user_id":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      'application/json',
      400,
    ],
    ['that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'application/json', 400],
    ['that is an array', '[]', 'application/json', 400],
    ['that is null', 'null', 'application/json', 400],
    ['of another type', '<user/>', 'application/xml', 415],
    ['that is too large', `{"user_id":"${'a'.repeat(70_000)}"}`, 'application/json', 413],
  ])('POST /connect/tickets is refused with a body %s', async (_, body, type, status) => {
    const response = await fetch(`${bed.url}/connect/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bed.api.key}`, 'content-type': type },
      body,
    });
    expect(response.status).toBe(status);
    const problem: unknown = await response.json();
    expect(problem).toMatchObject({ code: 'invalid_request', status });
    const contract = await contractOf(bed.url);
    contract.check('POST', '/connect/tickets', status, response.headers.get('content-type'), problem);
  });

  test.each([
    ['a path that is not percent-encoded', '/tokens/%', {}, 'path'],
    ['a path that is not UTF-8', '/tokens/%ED%A0%80', {}, 'path'],
    ['a user with a NUL byte', '/tokens/a%00b', {}, 'userId'],
    ['a user with a C1 control', '/users/a%C2%85b/grants', {}, 'userId'],
    ['a user with DEL', '/users/a%7Fb/ads/customers', {}, 'userId'],
    ['a user of 256 characters', `/tokens/${'a'.repeat(256)}`, {}, 'userId'],
    ['a user of 5,000 characters', `/tokens/${'a'.repeat(5000)}`, {}, 'userId'],
    ['an account with a NUL', '/tokens/alice', { account: 'a\u0000' }, 'account'],
    ['an account with a NUL, for Ads', '/users/alice/ads/customers', { account: 'a\u0000' }, 'account'],
    ['a service with a NUL', '/audit', { service: 'a\u0000' }, 'service'],
    ['a user with a NUL, for the audit', '/audit', { user: 'a\u0000' }, 'user'],
    ['a time in the year 0', '/audit', { since: '0000-01-01T00:00:00Z' }, 'since'],
    ['a time that is in the year 0 in UTC', '/audit', { since: '0001-01-01T00:00:00+23:59' }, 'since'],
    ['a time that is in the year 10000 in UTC', '/audit', { since: '9999-12-31T23:59:59-23:59' }, 'since'],
    ['a cursor in the year 0', '/audit', { cursor: cursor('0000-01-01T00:00:00.000Z 1') }, 'cursor'],
    ['a time on the 30th of February', '/audit', { since: '2026-02-30T00:00:00Z' }, 'since'],
    [
      'a time on the 31st of April',
      '/tokens/alice',
      { denied_synced_at: '2026-04-31 00:00:00Z' },
      'denied_synced_at',
    ],
    ['a parameter that every object inherits', '/tokens/alice', { constructor: 'x' }, 'constructor'],
    ['an unknown client', '/tokens/alice', { client: 'unknown' }, 'client'],
    ['a scope that is none', '/tokens/alice', { scope: 'yt' }, 'scope'],
    ['a 10 KB scope', '/tokens/alice', { scope: `https://x.example/${'a'.repeat(10_000)}` }, 'scope'],
    ['a 10 KB unknown parameter', '/tokens/alice', { x: 'a'.repeat(10_000) }, 'x'],
    ['a misspelt parameter', '/tokens/alice', { scopes: YOUTUBE }, 'scopes'],
    ['a negative min_ttl', '/tokens/alice', { min_ttl: '-1' }, 'min_ttl'],
    ['a min_ttl that is no number', '/tokens/alice', { min_ttl: 'soon' }, 'min_ttl'],
    ['a min_ttl longer than a token lives', '/tokens/alice', { min_ttl: '3601' }, 'min_ttl'],
    ['a grant id that is none', '/grants/1', {}, 'id'],
  ])('GET is refused with %s', async (_, path, query: Record<string, string>, field) => {
    const response = await bed.api.get(path, query);
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ code: 'invalid_request', errors: { [field]: expect.any(String) } });
  });

  test.each([
    ['half an escape', 'account=%', 'account'],
    ['bytes that are not UTF-8', 'min_ttl=1&account=m%FCller', 'account'],
    ['half a character', 'account=%ED%A0%80', 'account'],
    ['NUL in two bytes', 'account=%C0%80', 'account'],
    ['a name that is not UTF-8', '%FF=1', 'query'],
  ])('%s in a query is refused, as it is in a path', async (_, query, field) => {
    for (const path of ['/tokens/alice', '/users/alice/grants', '/audit']) {
      const response = await fetch(`${bed.url}${path}?${query}`, {
        headers: { authorization: `Bearer ${bed.api.key}` },
      });
      expect(response.status).toBe(400);
      const problem: unknown = await response.json();
      expect(problem).toMatchObject({
        errors: { [field]: expect.stringContaining('percent-encoded UTF-8') },
      });
      const contract = await contractOf(bed.url);
      contract.check('GET', path, 400, response.headers.get('content-type'), problem);
    }
  });

  test('a parameter that a route does not have is refused by every route of services', async () => {
    const { paths } = (await (await fetch(`${bed.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: object[] }>>;
    };
    const bodies: Readonly<Record<string, object>> = {
      '/connect/tickets': ticket,
      '/connect/completions': { user_id: 'alice', code: 'a'.repeat(43) },
      '/services/self/credentials': { user_id: 'alice' },
      '/grants/import': { grants: [{ user_id: 'alice', refresh_token: '1//x' }], dry_run: true },
    };
    const api = await bed.service({ import: true, disconnect: true, audit: true });
    const operations = Object.entries(paths)
      // A client library sends what its provider has; a proxy sends headers.
      .filter(([path]) => !['/oauth2/token', '/authz'].includes(path))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { security }]) => ({ path, method, security })),
      )
      .filter(({ security }) => security?.some((scheme) => 'bearer' in scheme));
    expect(operations.length).toBeGreaterThan(12);
    const answers = await Promise.all(
      operations.map(async ({ path, method }) => {
        const id = path.startsWith('/grants') ? randomUUID() : 'h3k9x2mvq7aw';
        const address = path.replace('{userId}', 'alice').replace('{id}', id);
        const body = method === 'post' ? JSON.stringify(bodies[path]) : null;
        const response = await fetch(`${bed.url}${address}?dry_runn=true`, {
          method: method.toUpperCase(),
          headers: {
            authorization: `Bearer ${api.key}`,
            ...(body ? { 'content-type': 'application/json' } : {}),
          },
          body,
        });
        const { errors } = (await response.json()) as { errors?: unknown };
        return { path, method, status: response.status, errors };
      }),
    );
    // A required one is missing, too, on some.
    const errors: unknown = expect.objectContaining({ dry_runn: 'is not known here.' });
    expect(answers).toEqual(operations.map(({ path, method }) => ({ path, method, status: 400, errors })));
  });

  test('a parameter given twice is refused', async () => {
    const response = await bed.api.get(`/tokens/alice?scope=${YOUTUBE}&scope=${YOUTUBE}`.split('?')[0] ?? '');
    expect(response.status).toBe(404);
    const twice = await fetch(`${bed.url}/tokens/alice?scope=${YOUTUBE}&scope=${YOUTUBE}`, {
      headers: { authorization: `Bearer ${bed.api.key}` },
    });
    expect(twice.status).toBe(400);
  });

  test.each([
    ['no credential', undefined, ''],
    ['another scheme', 'Basic YWxpY2U6eA==', ''],
    ['a scheme without a credential', 'Bearer', ''],
    ['a key that is none', 'Bearer tbk_x', ', error="invalid_token"'],
    [
      'a well-formed key of no service',
      `bearer tbk_abcdefghijkm_${'A'.repeat(43)}`,
      ', error="invalid_token"',
    ],
  ])('%s is unauthenticated', async (_, authorization, error) => {
    const response = await fetch(`${bed.url}/tokens/alice`, {
      headers: authorization ? { authorization } : {},
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="token-broker"${error}`);
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
  });

  test('a key with the right id and a wrong secret is unauthenticated', async () => {
    const wrong = new Api(bed.url, `${bed.api.key.slice(0, -43)}${'A'.repeat(43)}`);
    expect((await wrong.token('alice')).status).toBe(401);
  });

  test('an unknown address is a problem too', async () => {
    const response = await bed.api.get('/nowhere');
    expect(response.status).toBe(404);
    expect(response.body).toMatchObject({ code: 'not_found' });
  });

  describe('a ticket in the browser', () => {
    const page = async (url: string) => new Browser().open(url);

    test.each([
      ['of a service', () => bed.api.connectUrl(ticket)],
      [
        'of a refusal',
        async () => String((await bed.api.token('unknown', { scope: YOUTUBE })).body['connect_url']),
      ],
    ])('%s is refused when it is forged, altered, cut short or made up', async (_, link) => {
      const url = await link();
      const middle = url.length - 10;
      const altered = `${url.slice(0, middle)}${url[middle] === 'A' ? 'B' : 'A'}${url.slice(middle + 1)}`;
      for (const forged of [altered, url.slice(0, -10), `${bed.url}/connect?ticket=abc`]) {
        const response = await page(forged);
        expect(response.status).toBe(400);
        expect(response.headers.get('content-type')).toContain('text/html');
        expect(response.text).toContain('damaged or incomplete');
        expect(response.text).toContain('invalid_request');
      }
      expect(await stored(bed)).toBe(before);
    });

    test('is required', async () => {
      const response = await page(`${bed.url}/connect`);
      expect(response.status).toBe(400);
      expect(response.text).toContain('open the link exactly as the app gave it to you');
    });

    test('is refused when it is a secret of another kind', async () => {
      // Sealed with the same key, but for another place.
      const { body } = await bed.api.token('unknown', { scope: YOUTUBE });
      const sealed = new URL(body['connect_url'] as string).searchParams.get('ticket') ?? '';
      const [header, ...rest] = sealed.split('.');
      const moved = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()) as Record<string, unknown>;
      const other = Buffer.from(JSON.stringify({ ...moved, place: 'grants' })).toString('base64url');
      const response = await page(`${bed.url}/connect?ticket=${[other, ...rest].join('.')}`);
      expect(response.status).toBe(400);
    });

    test('expires after 30 minutes and not one second later', async () => {
      const url = await bed.api.connectUrl(ticket);
      bed.clock.advance(30 * 60 - 5);
      expect((await page(url)).status).toBe(200);
      bed.clock.advance(6);
      const response = await page(url);
      expect(response.status).toBe(400);
      expect(response.text).toContain('older than 30 minutes');
      const submitted = await new Browser().submit(new URL('/connect', bed.url), {
        ticket: new URL(url).searchParams.get('ticket') ?? '',
      });
      expect(submitted.status).toBe(400);
      expect(await stored(bed)).toBe(before);
    });

    test('may be opened often, and makes one authorization request', async () => {
      const url = await bed.api.connectUrl(ticket);
      expect((await page(url)).status).toBe(200);
      expect((await page(url)).status).toBe(200);
      await new Browser().begin(url);
      const response = await page(url);
      expect(response.status).toBe(400);
      expect(response.text).toContain('another browser');
    });

    test('is refused from the page of another site, and not used up', async () => {
      const url = await bed.api.connectUrl(ticket);
      const body = new URLSearchParams({ ticket: new URL(url).searchParams.get('ticket') ?? '' });
      const post = (headers: Record<string, string>) =>
        fetch(`${bed.url}/connect`, { method: 'POST', body, redirect: 'manual', headers });
      for (const site of ['cross-site', 'same-site', 'none'])
        expect((await post({ 'sec-fetch-site': site, origin: bed.url })).status).toBe(400);
      // Of a browser without Fetch Metadata.
      for (const origin of ['https://evil.example', `${bed.url}.evil.example`, 'null', '']) {
        const refused = await post({ origin });
        expect(refused.status).toBe(400);
        expect(await refused.json()).toMatchObject({ reason: 'other_site' });
        expect(refused.headers.getSetCookie()).toEqual([]);
      }
      expect((await post({ origin: bed.url })).status).toBe(303);
    });

    test('is taken from the own page of a browser whose requests name it', async () => {
      const url = await bed.api.connectUrl(ticket);
      const body = new URLSearchParams({ ticket: new URL(url).searchParams.get('ticket') ?? '' });
      const headers = { 'sec-fetch-site': 'same-origin' };
      const response = await fetch(`${bed.url}/connect`, {
        method: 'POST',
        body,
        redirect: 'manual',
        headers,
      });
      expect(response.status).toBe(303);
    });

    test('makes one authorization request when it is used twice at the same moment', async () => {
      const url = await bed.api.connectUrl(ticket);
      const fields = { ticket: new URL(url).searchParams.get('ticket') ?? '' };
      const responses = await Promise.all(
        Array.from({ length: 5 }, () => new Browser().submit(new URL('/connect', bed.url), fields)),
      );
      expect(responses.map(({ status }) => status).sort()).toEqual([303, 400, 400, 400, 400]);
    });
  });

  test('the same refusals are problem+json for a caller that is no browser', async () => {
    const response = await fetch(`${bed.url}/connect?ticket=abc`);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await response.json()).toMatchObject({ code: 'invalid_request', reason: 'ticket_invalid' });
  });
});
