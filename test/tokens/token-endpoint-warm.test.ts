/**
 * The warm path answers POST /oauth2/token as the whole pipeline does: the same bytes on a socket, to a broker with a cache and
 * to one without, on one database. warm-path.test.ts does the same for GET /tokens.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { Metrics } from '../../src/operations/metrics.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Api } from '../support/api.js';
import { exchangeBytes, LAST, normalize } from '../support/same-responses.js';
import { EXCHANGE, JWT_TYPE, postForm } from '../support/token-endpoint.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

let bed: TestBed;
/** The same broker without a cache. */
let cold: NestFastifyApplication;
let coldUrl: string;
let handle: string;

beforeAll(async () => {
  bed = await startTestBed();
  const port = String(await freePort());
  const environment = { ...bed.settings, LOG_LEVEL: 'fatal', PORT: port, CACHE_USERS: '0' };
  cold = await startBroker(readConfiguration(environment), { clock: bed.clock });
  coldUrl = `http://127.0.0.1:${port}`;
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE, client: 'elsewhere' }, { account: BOB.email });
  bed.google.control.revokeByUser(BOB.sub, 'project-b');
  bed.clock.advance(3700);
  handle = await credential('alice');
  expect((await postForm(bed.url, form({ audience: `${bed.url}/users/bob?client=elsewhere` }))).status).toBe(
    400,
  );
});
afterAll(async () => {
  await cold.close();
  await bed.stop();
});

async function credential(user: string): Promise<string> {
  const { body } = await bed.api.post('/services/self/credentials', { user_id: user });
  return body['credential'] as string;
}

function form(changes: Record<string, string> = {}): string {
  return new URLSearchParams({
    grant_type: EXCHANGE,
    subject_token: bed.api.key,
    subject_token_type: JWT_TYPE,
    audience: `${bed.url}/users/alice`,
    ...changes,
  }).toString();
}

/** How many calls the cached broker answered with a token from its cache. */
async function warmCalls(): Promise<number> {
  // Not over HTTP, where an answer may be a second old.
  const text = await bed.app.get(Metrics).registry.metrics();
  const counts = text.matchAll(
    /^token_broker_http_request_duration_seconds_count\{.*code="ok",source="memory"\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What a caller writes, in parts that follow each other slowly. */
type Bytes = string | readonly string[];

const HOST = 'Host: broker.example.com';
const FORM = 'Content-Type: application/x-www-form-urlencoded';
const head = (length: number | null, ...headers: string[]) =>
  [
    'POST /oauth2/token HTTP/1.1',
    HOST,
    ...headers,
    ...(length === null ? [] : [`Content-Length: ${length}`]),
    '',
    '',
  ].join('\r\n');
const post = (body: string, ...headers: string[]) => head(body.length, FORM, ...headers) + body;

async function exchange(url: string, bytes: Bytes): Promise<string> {
  const parts = [bytes].flat();
  return exchangeBytes(
    url,
    parts.join('').includes('close') ? parts : [...parts.slice(0, -1), `${parts.at(-1) ?? ''}${LAST}`],
  );
}

/** Each is answered from the cache, in one form or another. */
const WARM: Readonly<Record<string, () => Bytes>> = {
  'a token exchange': () => post(form()),
  'a delegated credential': () => post(`grant_type=refresh_token&refresh_token=${handle}`),
  'a charset in the content type': () =>
    head(form().length, 'Content-Type: application/x-www-form-urlencoded;charset=UTF-8') + form(),
  'client authentication': () => post(form(), 'Authorization: Basic YTpi'),
  'two credentials in headers, which say nothing': () =>
    post(form(), 'Authorization: Basic YTpi', 'Authorization: Bearer x'),
  'two content types, of which Node keeps the first': () => post(form(), 'Content-Type: application/json'),
  'the parameters in another order': () => post([...form().split('&')].reverse().join('&')),
  'an unknown parameter': () => post(form({ options: '{"userProject":"1"}' })),
  'a dead grant': () => post(form({ audience: `${bed.url}/users/bob?client=elsewhere` })),
  'no grant': () => post(form({ audience: `${bed.url}/users/unknown`, scope: YOUTUBE })),
  'a missing scope': () => post(form({ scope: YOUTUBE_MONEY })),
  'a user outside': () => post(form({ audience: `${bed.url}/users/unknown?account=x@example.com` })),
  "Java's Accept": () => post(form(), 'Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2'),
  'a refusal, and an Accept of HTML': () => post(form({ scope: YOUTUBE_MONEY }), 'Accept: text/html'),
  'Connection: close': () => post(form(), 'Connection: close'),
  'an id of its own': () => post(form({ scope: YOUTUBE_MONEY }), 'X-Request-Id: mine-1'),
  'two pipelined': () => post(form()) + post(form({ scope: YOUTUBE_MONEY })),
  'pipelined with others': () => post(form()) + post('a=b') + post(form()),
};

/** Each goes the whole way. */
const UNUSUAL: Readonly<Record<string, () => Bytes>> = {
  'a slow body': () => [head(form().length, FORM) + form().slice(0, 20), form().slice(20)],
  'a body that comes later': () => [head(form().length, FORM), form()],
  'a body in chunks': () =>
    `${head(null, FORM, 'Transfer-Encoding: chunked')}${form().length.toString(16)}\r\n${form()}\r\n0\r\n\r\n`,
  'a length and chunks': () => head(3, FORM, 'Transfer-Encoding: chunked') + '0\r\n\r\n',
  'a length that is too short': () => `${head(20, FORM, 'Connection: close')}${form()}`,
  'a body that ends early': () => [`${head(form().length + 5, FORM, 'Connection: close')}${form()}`, 'abcde'],
  'an empty body': () => post(''),
  'no length': () => head(null, FORM),
  'no content type': () => head(form().length) + form(),
  'another content type': () => head(2, 'Content-Type: application/json') + '{}',
  'another charset': () =>
    head(form().length, 'Content-Type: application/x-www-form-urlencoded; charset=latin1') + form(),
  'a long body': () => post(form({ unknown: 'a'.repeat(9000) })),
  'too long a body': () => post(form({ unknown: 'a'.repeat(17_000) }), 'Connection: close'),
  'a parameter twice': () => post(`${form()}&scope=a&scope=b`),
  'a broken percent-encoding': () => post(`${form()}&x=%zz`),
  'bytes that are no UTF-8': () => post(`${form()}&x=%ff`),
  'another key': () => post(form({ subject_token: `tbk_aaaaaaaaaaaa_${'a'.repeat(43)}` })),
  'another handle': () => post(`grant_type=refresh_token&refresh_token=${handle.slice(0, -1)}!`),
  'a foreign audience': () => post(form({ audience: 'https://evil.example.com/users/alice' })),
  'a query': () => post(form()).replace('/oauth2/token', '/oauth2/token?a=b'),
  'a malformed query': () => post(form()).replace('/oauth2/token', '/oauth2/token?a=%zz'),
  'a slash at the end': () => post(form()).replace('/oauth2/token', '/oauth2/token/'),
  'GET with a body': () => post(form()).replace('POST', 'GET'),
  PUT: () => post(form()).replace('POST', 'PUT'),
  OPTIONS: () => post(form()).replace('POST', 'OPTIONS'),
  'two Hosts': () => post(form(), 'Host: other.example.com'),
  'no Host': () => post(form()).replace(`${HOST}\r\n`, ''),
  'HTTP/1.0': () => post(form()).replace('HTTP/1.1', 'HTTP/1.0'),
  'Expect: 100-continue': () => [head(form().length, FORM, 'Expect: 100-continue'), form()],
  'another expectation': () => post(form(), 'Expect: more'),
  'an absolute target': () => post(form()).replace('/oauth2/token', 'http://broker.example.com/oauth2/token'),
  'an absolute target, and a refusal': () =>
    post(form({ scope: YOUTUBE_MONEY })).replace('/oauth2/token', 'http://broker.example.com/oauth2/token'),
  'a transfer coding': () => head(null, FORM, 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n',
};

describe('every kind of request has the same answer from the cache and without it', () => {
  test.each(Object.entries(WARM))('answers %s from the cache, as it does without one', async (_, make) => {
    const bytes = make();
    const expected = normalize(await exchange(coldUrl, bytes));
    expect(expected).toMatch(/HTTP\/1\.1 (200 OK\r\ncache|400)/);
    const before = await warmCalls();
    for (let link: string | undefined, time = 1; time < 100; time++) {
      const response = await exchange(bed.url, bytes);
      expect(normalize(response)).toBe(expected);
      const [nextLink] = /ticket=[\w.-]+/.exec(response) ?? [];
      const isWarm = response.includes('access_token')
        ? (await warmCalls()) > before
        : nextLink === undefined || nextLink === link;
      if (isWarm && time > 2) return;
      link = nextLink;
    }
    throw new Error('It never came from the cache.');
  });

  test.each(Object.entries(UNUSUAL))('leaves %s to the pipeline, with the same answer', async (_, make) => {
    const bytes = make();
    const expected = normalize(await exchange(coldUrl, bytes));
    for (let time = 1; time <= 2; time++) expect(normalize(await exchange(bed.url, bytes))).toBe(expected);
    const before = await warmCalls();
    expect(normalize(await exchange(bed.url, bytes))).toBe(expected);
    // Parts that follow each other slowly can still be read at once, on a machine that is busy.
    if (typeof bytes === 'string') expect(await warmCalls()).toBe(before);
  });
});

describe('a call that is answered from the cache', () => {
  test('is counted in the audit trail with the id of its delegated credential', async () => {
    const api = await bed.service();
    const { body } = await api.post('/services/self/credentials', { user_id: 'alice' });
    const redeem = `grant_type=refresh_token&refresh_token=${body['credential'] as string}`;
    const before = await warmCalls();
    let calls = 0;
    await until(async () => {
      calls++;
      await postForm(bed.url, redeem);
      return (await warmCalls()) >= before + 3;
    });
    await bed.app.get(AuditLog).flush();
    const rows = await bed.sql(
      `SELECT sum(count)::int AS count FROM audit_trail WHERE action = 'token.issue' AND details->>'credential' = $1`,
      [body['id']],
    );
    expect(rows).toEqual([{ count: calls }]);
  });

  test("ends with its service's key, and with the grant", async () => {
    const { id, key } = await bed.app.get(ServiceRegistry).create('short-lived', {
      clients: ['*'],
      scopes: ['*'],
      users: ['*'],
      audit: false,
      disconnect: true,
      revoke: false,
      force: false,
      import: false,
    });
    const api = new Api(bed.url, key.reveal());
    await bed.api.connect({ user_id: 'carol', scope: YOUTUBE }, { account: ALICE.email });
    const body = form({ subject_token: api.key, audience: `${bed.url}/users/carol` });
    const before = await warmCalls();
    await until(async () => (await postForm(bed.url, body)).status === 200 && (await warmCalls()) > before);
    await bed.sql(`DELETE FROM grants WHERE user_id = 'carol'`);
    expect((await postForm(bed.url, body)).body['code']).toBe('not_connected');
    await bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [id]);
    expect((await postForm(bed.url, body)).status).toBe(401);
  });
});
