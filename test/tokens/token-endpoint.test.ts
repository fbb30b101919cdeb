/** POST /oauth2/token as a client library uses it: RFC 8693, RFC 6749 section 6, RFC 8414. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { OAUTH_ERRORS } from '../../src/http/problem/oauth-error.js';
import { PROBLEMS } from '../../src/http/problem/problem-table.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { TokenIssuer } from '../../src/tokens/token-issuer.js';
import { type ApiResponse, type Api, Browser } from '../support/api.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { sendRaw } from '../support/raw-http.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { ACCESS_TOKEN_TYPE, EXCHANGE, JWT_TYPE, postForm } from '../support/token-endpoint.js';
import { until } from '../support/until.js';

const AUDIENCE = 'https://broker.example.com';
const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false, import: false };
const ANYTHING = { clients: ['*'], scopes: ['*'], users: ['*'], ...NO_RIGHTS };

let bed: TestBed;
let issuer: LocalIssuer;
let issuerKey: SigningKey;

beforeAll(async () => {
  issuer = await LocalIssuer.start();
  issuerKey = await SigningKey.make('exchange-1');
  issuer.keys = [issuerKey.publicJwk];
  const file = join(mkdtempSync(join(tmpdir(), 'token-broker-issuers-')), 'issuers.json');
  writeFileSync(file, JSON.stringify([{ issuer: issuer.url, jwks_uri: issuer.jwksUri, audience: AUDIENCE }]));
  bed = await startTestBed({ SERVICE_ISSUERS_FILE: file });
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
  await bed.app
    .get(ServiceRegistry)
    .createForIdentity('workload', ANYTHING, { issuer: issuer.url, subject: 'workload' });
});
afterAll(async () => {
  await bed.stop();
  await issuer.stop();
});

const audience = (user: string, query = '') => `${bed.url}/users/${user}${query}`;

/** @param changes `undefined` leaves a parameter out */
function exchange(
  changes: Record<string, string | undefined> = {},
  api: Api = bed.api,
): Promise<ApiResponse> {
  return postForm(bed.url, {
    grant_type: EXCHANGE,
    subject_token: api.key,
    subject_token_type: JWT_TYPE,
    audience: audience('alice'),
    ...changes,
  });
}

function sign(): Promise<string> {
  const now = Math.floor(bed.clock.now().getTime() / 1000);
  return issuerKey.sign({ iss: issuer.url, sub: 'workload', aud: AUDIENCE, iat: now, exp: now + 3600 });
}

/** RFC 6749 section 5.2 and what the broker adds to it. */
function expectOAuthError({ status, headers, body }: ApiResponse, expected: number, error: string): void {
  expect({ status, error: body['error'] }).toEqual({ status: expected, error });
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('pragma')).toBe('no-cache');
  expect(body['error_description']).toMatch(/^[ -!#-[\]-~]+$/);
  expect(Object.keys(body).slice(0, 2)).toEqual(['error', 'error_description']);
  expect(headers.get('x-request-id')).toBe(body['request_id']);
}

describe('a token exchange', () => {
  test.each([
    ['a service key', () => Promise.resolve(bed.api.key)],
    ['a service key with a line break at its end', () => Promise.resolve(`${bed.api.key}\n`)],
    ['a workload JWT', sign],
    ['a workload JWT with spaces around it', async () => `  ${await sign()}\r\n`],
  ])('answers %s with the token that GET /tokens answers', async (_, subject) => {
    const { status, headers, body } = await exchange({ subject_token: await subject() });
    const { body: same } = await bed.api.token('alice');
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: same['access_token'],
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: same['scope'],
    });
    expect(Number.isInteger(body['expires_in'])).toBe(true);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
  });

  test.each([
    'urn:ietf:params:oauth:token-type:jwt',
    'urn:ietf:params:oauth:token-type:id_token',
    'urn:ietf:params:oauth:token-type:access_token',
    'urn:ietf:params:oauth:token-type:saml2',
    'anything',
  ])('accepts the subject_token_type %s', async (subject_token_type) => {
    expect((await exchange({ subject_token_type })).status).toBe(200);
  });

  test.each([
    undefined,
    '',
    'https://www.googleapis.com/auth/cloud-platform',
    'https://www.googleapis.com/auth/iam',
    ` https://www.googleapis.com/auth/cloud-platform  ${YOUTUBE}`,
    YOUTUBE,
    `${ADS} ${YOUTUBE}`,
  ])('takes the scope %s as what a library names', async (scope) => {
    expect((await exchange({ scope })).status).toBe(200);
  });

  test('ignores what it does not know, and client authentication in any form', async () => {
    const others = {
      options: '{"userProject":"1"}',
      unknown: 'x',
      __proto__x: 'y',
      client_id: 'a',
      client_secret: 'b',
    };
    expect((await exchange(others)).status).toBe(200);
    const form = {
      grant_type: EXCHANGE,
      subject_token: bed.api.key,
      subject_token_type: JWT_TYPE,
      audience: audience('alice'),
    };
    const authorization = `Basic ${Buffer.from('id:secret').toString('base64')}`;
    expect((await postForm(bed.url, form, { authorization })).status).toBe(200);
  });

  test('names client and account in the audience', async () => {
    await bed.api.connect({ user_id: 'both', scope: YOUTUBE }, { account: ALICE.email });
    await bed.api.connect(
      { user_id: 'both', scope: YOUTUBE, account_hint: BOB.email },
      { account: BOB.email },
    );
    expectOAuthError(await exchange({ audience: audience('both') }), 400, 'invalid_request');
    for (const account of [BOB.sub, encodeURIComponent(BOB.email)]) {
      const response = await exchange({ audience: audience('both', `?client=default&account=${account}`) });
      const { body } = await bed.api.token('both', { account: BOB.sub });
      expect(response.body['access_token']).toBe(body['access_token']);
    }
  });

  test.each([
    'auth0|5f7c',
    'a/b',
    '..',
    '.',
    'müller',
    '_x',
    'a==',
    'a b+c',
    '%',
    '?',
    '#',
    '*',
    '\\*',
    'a'.repeat(255),
  ])('finds the user %s, percent-encoded as in the path of GET /tokens', async (user) => {
    await bed.api.connect({ user_id: user, scope: YOUTUBE }, { account: ALICE.email });
    const encoded = encodeURIComponent(user);
    const response = await exchange({ audience: audience(encoded) });
    expect(response.status).toBe(200);
    if (['.', '..'].includes(user)) return;
    const { body } = await bed.api.token(encoded);
    expect(response.body['access_token']).toBe(body['access_token']);
  });

  test('is audited like GET /tokens, with the same action, actor and details', async () => {
    const api = await bed.service({ audit: true });
    await api.token('alice');
    await exchange({}, api);
    await exchange({}, api);
    await bed.app.get(AuditLog).flush();
    const rows = await bed.sql(
      `SELECT sum(count)::int AS count, count(DISTINCT details)::int AS kinds, count(DISTINCT actor)::int AS actors
       FROM audit_trail WHERE action = 'token.issue' AND outcome = 'ok' AND service_id = $1`,
      [api.key.split('_')[1]],
    );
    expect(rows).toEqual([{ count: 3, kinds: 1, actors: 1 }]);
  });
});

describe('a token near its end', () => {
  afterEach(() => {
    bed.google.control.clearFaults();
  });

  test('is not handed out with less than 390 seconds left, since the call waits for the refresh', async () => {
    await bed.api.connect({ user_id: 'near', scope: YOUTUBE }, { account: ALICE.email });
    const first = await exchange({ audience: audience('near') });
    const left = first.body['expires_in'] as number;
    bed.clock.advance(left - 389);
    const next = await exchange({ audience: audience('near') });
    expect(next.body['access_token']).not.toBe(first.body['access_token']);
    expect(next.body['expires_in']).toBeGreaterThan(3000);
  });

  test('is handed out as long as it lives while Google is away', async () => {
    await bed.api.connect({ user_id: 'away', scope: YOUTUBE }, { account: ALICE.email });
    const first = await exchange({ audience: audience('away') });
    bed.clock.advance((first.body['expires_in'] as number) - 300);
    bed.google.control.failAlways('token', { status: 503, body: '' });
    const next = await exchange({ audience: audience('away') });
    expect(next.body['access_token']).toBe(first.body['access_token']);
  });

  test('once it expired while Google is away, is 503 with Retry-After', async () => {
    await bed.api.connect({ user_id: 'gone', scope: YOUTUBE }, { account: ALICE.email });
    await exchange({ audience: audience('gone') });
    bed.clock.advance(3700);
    bed.google.control.failAlways('token', { status: 503, body: '' });
    const response = await exchange({ audience: audience('gone') });
    expectOAuthError(response, 503, 'temporarily_unavailable');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

test.each([
  ['/oauth2/token', 16_000, 400],
  ['/services/self/credentials', 64_000, 401],
])('a form with thousands of values at %s is read at once, from anyone', async (path, length, status) => {
  // Minutes, if each value copied those before it.
  const response = await fetch(bed.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '=&'.repeat(length / 2),
  });
  expect(response.status).toBe(status);
});

describe('a refusal', () => {
  test.each([
    ['no grant_type', { grant_type: undefined }, 400, 'invalid_request'],
    ['an unknown grant_type', { grant_type: 'authorization_code' }, 400, 'unsupported_grant_type'],
    ['a grant_type that objects inherit', { grant_type: 'constructor' }, 400, 'unsupported_grant_type'],
    ['no subject_token', { subject_token: undefined }, 400, 'invalid_request'],
    ['a blank subject_token', { subject_token: ' \n' }, 400, 'invalid_request'],
    ['no subject_token_type', { subject_token_type: '' }, 400, 'invalid_request'],
    [
      'a type of AWS',
      { subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request' },
      400,
      'invalid_request',
    ],
    ['a wrong key', { subject_token: `tbk_aaaaaaaaaaaa_${'a'.repeat(43)}` }, 401, 'invalid_client'],
    ['no key at all', { subject_token: 'x' }, 401, 'invalid_client'],
    ['a JWT of another', { subject_token: 'eyJhbGciOiJSUzI1NiJ9.e30.x' }, 401, 'invalid_client'],
    [
      'a delegated credential as subject',
      { subject_token: `tbc_aaaaaaaaaaaa_${'a'.repeat(43)}` },
      401,
      'invalid_client',
    ],
    [
      'an unknown delegated credential',
      { grant_type: 'refresh_token', refresh_token: `tbc_aaaaaaaaaaaa_${'a'.repeat(43)}` },
      400,
      'invalid_grant',
    ],
    [
      'a malformed delegated credential',
      { grant_type: 'refresh_token', refresh_token: '1//0e' },
      400,
      'invalid_grant',
    ],
    ['no refresh_token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
    ['no audience', { audience: undefined }, 400, 'invalid_request'],
    [
      'another token type',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      400,
      'invalid_request',
    ],
    ['a resource', { resource: 'https://youtube.googleapis.com' }, 400, 'invalid_target'],
    ['an actor', { actor_token: 'x', actor_token_type: JWT_TYPE }, 400, 'invalid_request'],
    ['a malformed scope', { scope: 'youtube' }, 400, 'invalid_scope'],
    ['a scope without a grant', { scope: YOUTUBE_MONEY }, 400, 'invalid_scope'],
  ])('of %s has the form of OAuth', async (_, changes, status, error) => {
    expectOAuthError(await exchange(changes), status, error);
  });

  test.each([
    ['another host', () => 'https://evil.example.com/users/alice'],
    ['another port', () => `${bed.url}1/users/alice`],
    ['a host that begins alike', () => `${bed.url}.evil.example/users/alice`],
    ['a user before the host', () => bed.url.replace('://', '://x@') + '/users/alice'],
    [
      'a pool of Google',
      () => '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x',
    ],
    ['another path', () => `${bed.url}/tokens/alice`],
    ['no user', () => audience('')],
    ['a slash behind the user', () => audience('alice/')],
    ['a second segment', () => audience('alice/x')],
    ['a fragment', () => audience('alice#x')],
    ['a broken percent-encoding', () => audience('%zz')],
    ['no UTF-8', () => audience('%ff')],
    ['a lone surrogate', () => audience('%ed%a0%80')],
    ['a control character', () => audience('a%00b')],
    ['a user that is not encoded', () => audience('müller')],
    ['a user too long', () => audience('a'.repeat(256))],
    ['an unknown parameter', () => audience('alice', '?unknown=1')],
    ['a parameter twice', () => audience('alice', '?client=default&client=default')],
    ['a parameter without a value', () => audience('alice', '?client')],
    ['a malformed parameter', () => audience('alice', '?account=%zz')],
    ['two question marks', () => audience('alice', '?client=default?account=x')],
  ])('of an audience with %s is invalid_target', async (_, named) => {
    expectOAuthError(await exchange({ audience: named() }), 400, 'invalid_target');
  });

  test.each([
    ['grant_type', `&grant_type=${EXCHANGE}`],
    ['subject_token', '&subject_token=x'],
    ['audience', '&audience=x'],
    ['scope', '&scope=&scope='],
    ['requested_token_type', '&requested_token_type=a&requested_token_type=a'],
  ])('of a repeated %s is invalid_request', async (_, more) => {
    const form = new URLSearchParams({
      grant_type: EXCHANGE,
      subject_token: bed.api.key,
      subject_token_type: JWT_TYPE,
      audience: audience('alice'),
    });
    expectOAuthError(await postForm(bed.url, `${form.toString()}${more}`), 400, 'invalid_request');
  });

  test.each([
    ['no form', 'application/json', '{}', 415],
    ['text', 'text/plain', 'a', 415],
    ['an unknown type', 'application/x-unknown', 'a', 415],
    ['no type', '', 'a', 415],
    ['a broken percent-encoding', 'application/x-www-form-urlencoded', 'grant_type=%zz', 400],
    ['bytes that are no UTF-8', 'application/x-www-form-urlencoded', 'grant_type=%ff', 400],
    ['too long a body', 'application/x-www-form-urlencoded', `a=${'a'.repeat(17_000)}`, 413],
    ['an empty body', 'application/x-www-form-urlencoded', '', 400],
  ])('of %s has the form of OAuth', async (_, type, text, status) => {
    const response = await sendRaw(
      bed.url,
      `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${type === '' ? '' : `Content-Type: ${type}\r\n`}` +
        `Content-Length: ${text.length}\r\n\r\n${text}`,
    );
    expectOAuthError({ ...response }, status, 'invalid_request');
  });

  test.each([
    ['two Hosts', 'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n', 400],
    ['GET', 'GET /oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 405],
    [
      'GET of an absolute target',
      'GET http://x/oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      405,
    ],
    ['an unknown expectation', 'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n', 417],
  ])('of %s, before a route is found, has the form of OAuth', async (_, text, status) => {
    const response = await sendRaw(bed.url, text);
    expect({ status: response.status, error: response.body['error'] }).toEqual({
      status,
      error: 'invalid_request',
    });
  });

  test('because a user must connect says so first, and has the link in the description and in error_uri', async () => {
    const response = await exchange({ audience: audience('unknown'), scope: YOUTUBE });
    expectOAuthError(response, 400, 'invalid_grant');
    const { error_uri: link, error_description: description, code } = response.body;
    expect(code).toBe('not_connected');
    expect(description).toBe(
      `Not connected: send the user to error_uri. ${String(link)} The user has not connected a Google account here.`,
    );
    await new Browser().connect(String(link), { account: BOB.email });
    expect((await exchange({ audience: audience('unknown'), scope: YOUTUBE })).status).toBe(200);
  });

  test.each([
    ['a wrong key', { subject_token: 'x' }, '', 401, 'Bearer realm="token-broker"'],
    ['a wrong key', { subject_token: 'x' }, 'Basic YTpi', 401, 'Basic realm="token-broker"'],
    ['a wrong key', { subject_token: 'x' }, 'Bearer x', 401, 'Bearer realm="token-broker"'],
    ['a wrong delegated credential', { grant_type: 'refresh_token', refresh_token: 'x' }, '', 400, null],
    [
      'a wrong delegated credential',
      { grant_type: 'refresh_token', refresh_token: 'x' },
      'Basic YTpi',
      400,
      null,
    ],
    ['no grant', { audience: 'unknown' }, 'Basic YTpi', 400, null],
  ])(
    'of %s, %j, with the header %j, is %d with the challenge %j',
    async (_, changes, authorization, status, challenge) => {
      const form = { grant_type: EXCHANGE, subject_token: bed.api.key, subject_token_type: JWT_TYPE };
      const response = await fetch(`${bed.url}/oauth2/token`, {
        method: 'POST',
        headers: authorization === '' ? {} : { authorization },
        body: new URLSearchParams({ ...form, audience: audience('alice'), ...changes }),
      });
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, challenge]);
    },
  );

  test('leaves no link in the log', async () => {
    const from = bed.log().length;
    const { body } = await exchange({ audience: audience('unlogged'), scope: YOUTUBE });
    expect(body['error_uri']).toContain('ticket=');
    expect(bed.log().slice(from)).toContain('"path":"/oauth2/token"');
    expect(bed.log()).not.toContain('ticket=');
  });

  test('of a dead grant is 400 invalid_grant with a link, so that no library repeats it', async () => {
    await bed.api.connect(
      { user_id: 'dead', scope: YOUTUBE_MONEY, client: 'elsewhere' },
      { account: BOB.email },
    );
    bed.google.control.revokeByUser(BOB.sub, 'project-b');
    bed.clock.advance(3700);
    for (let call = 1; call <= 3; call++) {
      const response = await exchange({ audience: audience('dead', '?client=elsewhere') });
      expectOAuthError(response, 400, 'invalid_grant');
      expect(response.body).toMatchObject({
        code: 'reconnect_required',
        error_uri: expect.stringContaining('/connect?'),
      });
      expect(response.body).not.toHaveProperty('connect_url');
    }
  });

  test('of a missing scope is invalid_scope with the link and the missing scopes', async () => {
    const response = await exchange({ scope: YOUTUBE_MONEY });
    expect(response.body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [YOUTUBE_MONEY] });
    expect(response.body['error_description']).toMatch(
      /^Scope missing: send the user to error_uri\. http:\/\/127/,
    );
  });

  test.each([
    ['no grant', 'never', {}, 'Not connected: send the user to error_uri.'],
    ['a dead grant', 'dead', {}, 'Access ended: send the user to error_uri.'],
    ['a missing scope', 'alice', { scope: YOUTUBE_MONEY }, 'Scope missing: send the user to error_uri.'],
    ['a wrong key', 'alice', { subject_token: 'x' }, 'Send a service key, or a JWT of your platform'],
  ])(
    'because of %s says why in the 120 bytes that Guzzle shows of a body',
    async (_, user, changes, reason) => {
      const named = user === 'dead' ? audience('dead', '?client=elsewhere') : audience(user);
      const { text } = await exchange({ audience: named, scope: YOUTUBE, ...changes });
      expect(text.slice(0, 120)).toContain(reason);
    },
  );

  test('by the policy says whether it is about the scope', async () => {
    const narrow = await bed.service({ users: ['alice'], scopes: [YOUTUBE], clients: ['default'] });
    expectOAuthError(await exchange({ scope: ADS }, narrow), 400, 'invalid_scope');
    expectOAuthError(await exchange({ audience: audience('bob') }, narrow), 400, 'unauthorized_client');
    expectOAuthError(
      await exchange({ audience: audience('alice', '?client=second') }, narrow),
      400,
      'unauthorized_client',
    );
    expect((await exchange({}, narrow)).body['scope']).toBe(YOUTUBE);
  });

  test('has text that OAuth allows, whatever the user is called', async () => {
    const narrow = await bed.service({ users: ['alice'] });
    const response = await exchange({ audience: audience(encodeURIComponent('"mü\\ller" 😀')) }, narrow);
    expectOAuthError(response, 400, 'unauthorized_client');
    expect(response.body['error_description']).toContain("'m%C3%BC%5Cller' %F0%9F%98%80");
  });

  test('is audited with the same outcome as that of GET /tokens', async () => {
    const api = await bed.service();
    await exchange({ audience: audience('unknown-2'), scope: YOUTUBE }, api);
    await bed.app.get(AuditLog).flush();
    const rows = await bed.sql(
      `SELECT outcome, user_id FROM audit_trail WHERE action = 'token.issue' AND service_id = $1`,
      [api.key.split('_')[1]],
    );
    expect(rows).toEqual([{ outcome: 'not_connected', user_id: 'unknown-2' }]);
  });

  test('of every code has an error of OAuth, and none that only a user can remedy is one that libraries repeat', () => {
    expect(Object.keys(OAUTH_ERRORS).sort()).toEqual(Object.keys(PROBLEMS).sort());
    for (const code of [
      'reconnect_required',
      'not_connected',
      'insufficient_scope',
      'ambiguous_account',
    ] as const)
      expect(OAUTH_ERRORS[code].status).toBe(400);
  });

  test.each(Object.keys(PROBLEMS))('of %s is explained in docs/errors.md', (code) => {
    const { error, status } = OAUTH_ERRORS[code as keyof typeof OAUTH_ERRORS];
    const section = readFileSync('docs/errors.md', 'utf8').split('\n## OAuth\n')[1]?.split('\n## ')[0] ?? '';
    const row = section.split('\n').find((line) => line.startsWith(`| \`${code}\` `)) ?? '';
    const shown = row.split('|').map((cell) => cell.trim());
    expect(shown.slice(2, 4)).toEqual([
      `\`${error}\``,
      String(status ?? PROBLEMS[code as keyof typeof PROBLEMS].status),
    ]);
  });
});

describe('the limits', () => {
  test('count a call for the service that its body proves', async () => {
    await bed.restart({ SERVICE_RATE_LIMIT: '3' });
    try {
      const [api, other] = [await bed.service(), await bed.service()];
      for (let call = 1; call <= 3; call++) expect((await exchange({}, api)).status).toBe(200);
      const response = await exchange({}, api);
      expectOAuthError(response, 429, 'temporarily_unavailable');
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await api.token('alice')).status).toBe(429);
      expect((await exchange({}, other)).status).toBe(200);
    } finally {
      await bed.restart();
    }
  });

  test('count a flood of forged credentials for its address, and leave services there alone', async () => {
    await bed.restart({ BROWSER_RATE_LIMIT: '5' });
    try {
      const forged = { grant_type: 'refresh_token', refresh_token: `tbc_aaaaaaaaaaaa_${'a'.repeat(43)}` };
      const statuses: number[] = [];
      for (let call = 1; call <= 8; call++) statuses.push((await exchange(forged)).status);
      expect(statuses.slice(0, 5)).toEqual([400, 400, 400, 400, 400]);
      expect(statuses.slice(5)).toEqual([429, 429, 429]);
      expect((await exchange()).status).toBe(200);
    } finally {
      await bed.restart();
    }
  });
});

test.each([
  ['/users/alice/oauth2/token', 200],
  ['/users/alice%40example.com/oauth2/token', 200],
  ['/users/alice/oauth2/token?x=y', 404],
  ['/users/alice/x/oauth2/token', 404],
  ['/users//oauth2/token', 404],
  ['/cells/eu1/oauth2/token', 404],
  ['/authz/users/alice/oauth2/token', 401],
])(
  'the path %s, by which a router knows the user, is answered with %d where there are no cells',
  async (path, status) => {
    const form = { grant_type: EXCHANGE, subject_token: bed.api.key, subject_token_type: JWT_TYPE };
    const from = bed.log().length;
    const post = (more: Record<string, string>) =>
      fetch(`${bed.url}${path}`, {
        method: 'POST',
        body: new URLSearchParams({ ...form, audience: audience('alice'), ...more }),
      });
    // The second is answered by the warm path.
    for (let time = 0; time < 2; time++) expect((await post({})).status).toBe(status);
    if (status !== 200) return;
    const refused = await post({ audience: 'unknown' });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: 'invalid_target' }]);
    expect((await fetch(`${bed.url}${path}`)).status).toBe(405);
    // No user id in the log.
    expect(bed.log().slice(from)).toContain('"path":"/oauth2/token"');
    expect(bed.log().slice(from)).not.toContain(path);
  },
);

test.each(['/oauth2/%74oken', '/%6Fauth2/token?x=y', 'http://broker.example.com/oauth2/token'])(
  'the endpoint refuses in the form of OAuth when it is written %s',
  async (target) => {
    const post = async (changes: Record<string, string>) => {
      const form = { grant_type: EXCHANGE, subject_token: bed.api.key, subject_token_type: JWT_TYPE };
      const named = { audience: audience('not-there'), scope: YOUTUBE };
      const body = new URLSearchParams({ ...form, ...named, ...changes }).toString();
      return sendRaw(
        bed.url,
        `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/html\r\n` +
          `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    };
    expectOAuthError(await post({}), 400, 'invalid_grant');
    expectOAuthError(await post({ audience: 'x' }), 400, 'invalid_target');
    const stranger = await post({ subject_token: 'x' });
    expectOAuthError(stranger, 401, 'invalid_client');
    expect(stranger.headers.get('www-authenticate')).toBe('Bearer realm="token-broker"');
  },
);

test('a refusal that was asked for by another text of the path is found in the cache by its own', async () => {
  const issue = jest.spyOn(bed.app.get(TokenIssuer), 'issue');
  try {
    const form = { grant_type: EXCHANGE, subject_token: bed.api.key, subject_token_type: JWT_TYPE };
    let users = 0;
    // A refusal is not kept where a service has just changed.
    await until(async () => {
      const body = new URLSearchParams({ ...form, audience: audience(`no-${++users}`), scope: YOUTUBE });
      issue.mockClear();
      for (const path of ['/oauth2/%74oken', '/oauth2/token'])
        expect((await fetch(`${bed.url}${path}`, { method: 'POST', body })).ok).toBe(false);
      return issue.mock.calls.length === 1;
    });
  } finally {
    issue.mockRestore();
  }
});

test.each(['/%74okens/al%69ce', '/%75sers/al%69ce/grants', 'http://x/tokens/al%69ce', '/tokens/al%69ce'])(
  'a cell refuses another text of the user id, in %s',
  async (target) => {
    await bed.restart({ CELL: 'eu1' });
    try {
      const get = (path: string) =>
        sendRaw(
          bed.url,
          `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\nConnection: close\r\n\r\n`,
        );
      const refused = await get(target);
      expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('"userId":')]);
      expect((await get('http://x/tokens/alice')).status).toBe(200);
    } finally {
      await bed.restart();
    }
  },
);

test('a form that a router sent by another user than its own is refused in a cell, also where its answer is cached', async () => {
  await bed.restart({ CELL: 'eu1' });
  try {
    const form = { grant_type: EXCHANGE, subject_token: bed.api.key, subject_token_type: JWT_TYPE };
    const body = new URLSearchParams({ ...form, audience: audience('alice') });
    const statusAt = async (user: string) =>
      (await fetch(`${bed.url}/users/${user}/oauth2/token`, { method: 'POST', body })).status;
    for (const user of ['alice', 'alice', 'bob', 'alice', 'bob'])
      expect([user, await statusAt(user)]).toEqual([user, user === 'alice' ? 200 : 400]);
  } finally {
    await bed.restart();
  }
});

test('the metadata of RFC 8414 name issuer, endpoint and grant types', async () => {
  const response = await fetch(`${bed.url}/.well-known/oauth-authorization-server`);
  const { publicUrl } = readConfiguration(bed.settings);
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await response.json()).toEqual({
    issuer: publicUrl,
    token_endpoint: `${publicUrl}/oauth2/token`,
    response_types_supported: [],
    grant_types_supported: [EXCHANGE, 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    service_documentation: `${publicUrl}/docs`,
  });
});

test('the metadata name the address that services use, and no documentation where that has a port of its own', async () => {
  const admin = { TOKEN_BROKER_URL: 'http://token-broker:3000', ADMIN_PORT: String(await freePort()) };
  await bed.restart(admin);
  try {
    const { publicUrl } = readConfiguration(bed.settings);
    const response = await fetch(`${bed.url}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    expect(metadata).toMatchObject({
      issuer: publicUrl,
      token_endpoint: 'http://token-broker:3000/oauth2/token',
    });
    expect(metadata).not.toHaveProperty('service_documentation');
    const { body } = await bed.api.get('/nowhere');
    expect(body['detail']).toContain('See /openapi.json');
    expect((await fetch(`${bed.url}/openapi.json`)).status).toBe(200);
  } finally {
    await bed.restart();
  }
});
