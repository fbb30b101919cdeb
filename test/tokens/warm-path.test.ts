/**
 * The warm path answers as the whole pipeline does: the same bytes on a socket, to a broker with a cache and to one without,
 * on one database. Then what ends a cached answer.
 */
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { Metrics } from '../../src/operations/metrics.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Api, Browser } from '../support/api.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { linesOf, valueOf } from '../support/metric-lines.js';
import { openSocket, sendRaw } from '../support/raw-http.js';
import { exchangeBytes, LAST, normalize } from '../support/same-responses.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

const AUDIENCE = 'https://broker.example.com';
const WORKLOAD = 'system:serviceaccount:analytics:reports';

let bed: TestBed;
let issuer: LocalIssuer;
let issuerKey: SigningKey;
/** The same broker without a cache. */
let cold: NestFastifyApplication;
let coldUrl: string;
let jwt: string;

beforeAll(async () => {
  issuer = await LocalIssuer.start();
  issuerKey = await SigningKey.make('warm-1');
  issuer.keys = [issuerKey.publicJwk];
  const file = join(mkdtempSync(join(tmpdir(), 'token-broker-issuers-')), 'issuers.json');
  writeFileSync(file, JSON.stringify([{ issuer: issuer.url, jwks_uri: issuer.jwksUri, audience: AUDIENCE }]));
  bed = await startTestBed({ SERVICE_ISSUERS_FILE: file });
  [cold, coldUrl] = await startCold();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
  bed.google.control.revokeByUser(BOB.sub, 'project-a');
  bed.clock.advance(700);
  expect((await bed.api.token('bob', { min_ttl: '3000' })).status).toBe(410);
  await bed.app.get(ServiceRegistry).createForIdentity('workload', ANYTHING, identity());
  jwt = await sign();
});
afterAll(async () => {
  await cold.close();
  await bed.stop();
  await issuer.stop();
});

const ANYTHING = {
  clients: ['*'],
  scopes: ['*'],
  users: ['*'],
  audit: true,
  disconnect: false,
  revoke: false,
  force: false,
  import: false,
};
const identity = () => ({ issuer: issuer.url, subject: WORKLOAD });

function sign(lifetime = 3600, key = issuerKey): Promise<string> {
  const now = Math.floor(bed.clock.now().getTime() / 1000);
  return key.sign({ iss: issuer.url, sub: WORKLOAD, aud: AUDIENCE, iat: now, exp: now + lifetime });
}

async function startCold(changes: Record<string, string> = {}): Promise<[NestFastifyApplication, string]> {
  const port = String(await freePort());
  const environment = { ...bed.settings, LOG_LEVEL: 'fatal', ...changes, PORT: port, CACHE_USERS: '0' };
  const app = await startBroker(readConfiguration(environment), { clock: bed.clock });
  return [app, `http://127.0.0.1:${port}`];
}

/** How many calls the cached broker answered from its cache. */
async function warmCalls(): Promise<number> {
  const text = await (await fetch(`${bed.url}/metrics`)).text();
  return Number(
    /^token_broker_http_request_duration_seconds_count\{method="GET",.*code="ok",source="memory"\} (\d+)$/m.exec(
      text,
    )?.[1],
  );
}

/** Calls until the answer comes from the cache: a slow machine may miss heartbeats. */
async function whenWarm(user: string, api = bed.api): Promise<void> {
  for (let before = await warmCalls(); ; before = await warmCalls()) {
    await api.token(user);
    await api.token(user);
    if ((await warmCalls()) > before) return;
  }
}

/** What a caller writes, in parts that follow each other slowly. {key} and {jwt} stand for credentials. */
type Bytes = string | readonly string[];

const request = (line: string, ...headers: string[]) => [line, ...headers, '', ''].join('\r\n');
const HOST = 'Host: broker.example.com';
const KEY = 'Authorization: Bearer {key}';

async function exchange(url: string, bytes: Bytes): Promise<string> {
  return normalize(await rawExchange(url, bytes));
}

function rawExchange(url: string, bytes: Bytes): Promise<string> {
  const parts = [bytes].flat();
  const isLast = (at: number) => at === parts.length - 1 && !parts.join('').includes('close');
  const filled = parts.map((part, at) => {
    const withCredentials = part.replaceAll('{key}', bed.api.key).replaceAll('{jwt}', jwt);
    return withCredentials + (isLast(at) ? LAST : '');
  });
  return exchangeBytes(url, filled);
}

const GET = (target: string, ...headers: string[]) =>
  request(`GET ${target} HTTP/1.1`, HOST, KEY, ...headers);
const ALICE_LINE = 'GET /tokens/alice HTTP/1.1';
/** What HttpURLConnection sends of its own accord. */
const JAVA = 'Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2';
const MISSING_SCOPE = `/tokens/alice?scope=${encodeURIComponent(YOUTUBE_MONEY)}`;
const WITH_BODY = '{"a":1}';

/** Each is answered from the cache, in one form or another. */
const WARM: Readonly<Record<string, Bytes>> = {
  'a token': GET('/tokens/alice'),
  'a token, by a JWT': request(ALICE_LINE, HOST, 'Authorization: Bearer {jwt}'),
  'a dead grant': GET('/tokens/bob'),
  'a dead grant, by a JWT': request('GET /tokens/bob HTTP/1.1', HOST, 'Authorization: Bearer {jwt}'),
  'no grant': GET('/tokens/unknown'),
  'no grant of this account': GET('/tokens/alice?account=bob@gmail.test'),
  'no grant, with a scope': GET(`/tokens/unknown?scope=${encodeURIComponent(YOUTUBE)}`),
  'a missing scope': GET(MISSING_SCOPE),
  'a refusal with return_to': GET('/tokens/unknown?return_to=https%3A%2F%2Fapp.example.com%2Fdone'),
  'a dead grant whose token was refused': GET('/tokens/bob?refused=0123456789abcdef'),
  'header names in lower case': request(ALICE_LINE, 'host: x', 'authorization: Bearer {key}'),
  'header names in upper case': request(ALICE_LINE, 'HOST: x', 'AUTHORIZATION: Bearer {key}'),
  'the scheme in lower case': request(ALICE_LINE, HOST, 'Authorization: bearer {key}'),
  'the scheme in upper case': request(ALICE_LINE, HOST, 'Authorization: BEARER {key}'),
  'two spaces in the credential': request(ALICE_LINE, HOST, 'Authorization: Bearer  {key}'),
  'spaces around the credential': request(ALICE_LINE, HOST, 'Authorization:    Bearer {key}   '),
  'a percent-encoded user': GET('/tokens/%61lice'),
  'an unusual user': GET('/tokens/auth0%7C5f7c%2Fx'),
  'a user in UTF-8': GET('/tokens/m%C3%BCller'),
  'a query': GET('/tokens/alice?min_ttl=10&client=default'),
  'the same query in another order': GET('/tokens/alice?client=default&min_ttl=10'),
  'an empty query': GET('/tokens/alice?'),
  'Connection: close': GET('/tokens/alice', 'Connection: close'),
  'Connection: keep-alive': GET('/tokens/alice', 'Connection: keep-alive'),
  'a refusal, and Connection: close': GET('/tokens/bob', 'Connection: close'),
  'an empty Host': request(ALICE_LINE, 'Host:', KEY),
  'Accept: application/json': GET('/tokens/alice', 'Accept: application/json'),
  "Java's Accept": GET('/tokens/alice', JAVA),
  "a refusal, and Java's Accept": GET('/tokens/bob', JAVA),
  'a refusal, and two Accept': GET('/tokens/bob', 'Accept: application/json', 'Accept: text/html'),
  'Accept-Encoding': GET('/tokens/alice', 'Accept-Encoding: gzip, br'),
  'a refusal, and Accept-Encoding': GET('/tokens/unknown', 'Accept-Encoding: gzip, br'),
  'conditions and a range': GET('/tokens/alice', 'If-None-Match: *', 'Range: bytes=0-1'),
  'an id of its own': GET('/tokens/alice', 'X-Request-Id: mine-1'),
  'a refusal with an id of its own': GET('/tokens/bob', 'X-Request-Id: mine-2'),
  'a refusal with an id that is refused': GET('/tokens/bob', 'X-Request-Id: "<mine>"'),
  'a refusal with two ids': GET('/tokens/bob', 'X-Request-Id: mine-3', 'X-Request-Id: mine-4'),
  'a forwarded address': GET('/tokens/unknown', 'X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.2'),
  'a content type without a body': GET('/tokens/alice', 'Content-Type: application/json'),
  'a refusal with a content type without a body': GET('/tokens/bob', 'Content-Type: text/html'),
  'a long header': GET('/tokens/alice', `X-Long: ${'a'.repeat(10_000)}`),
  'a cookie': GET('/tokens/alice', 'Cookie: a=b'),
  'a request in parts': ['GET /tok', 'ens/alice HTTP/1.1\r\nHo', `st: x\r\n${KEY}\r\n\r\n`],
  'an empty line before the request': `\r\n${GET('/tokens/alice')}`,
  'three pipelined': GET('/tokens/alice') + GET('/tokens/bob') + GET('/tokens/alice'),
  'pipelined with others': GET('/tokens/alice') + GET('/nowhere') + GET('/tokens/bob') + GET('/grants'),
  'behind a request with a body':
    request('POST /tokens/alice HTTP/1.1', HOST, KEY, 'Content-Length: 7') + WITH_BODY + GET('/tokens/alice'),
};

/** Each goes the whole way. */
const UNUSUAL: Readonly<Record<string, Bytes>> = {
  'two Hosts': request(ALICE_LINE, HOST, 'Host: other.example.com', KEY),
  'a malformed Host': request(ALICE_LINE, 'Host: a b', KEY),
  'Basic authentication': request(ALICE_LINE, HOST, 'Authorization: Basic {key}'),
  'a tab in the credential': request(ALICE_LINE, HOST, 'Authorization: Bearer\t{key}'),
  'no credential': request(ALICE_LINE, HOST),
  'an empty credential': request(ALICE_LINE, HOST, 'Authorization:'),
  'an unknown key': request(ALICE_LINE, HOST, `Authorization: Bearer tbk_aaaaaaaaaaaa_${'a'.repeat(43)}`),
  'a JWT with another signature': request(ALICE_LINE, HOST, 'Authorization: Bearer {jwt}x'),
  'the same credential twice': request(ALICE_LINE, HOST, KEY, KEY),
  'two credentials, the first one good': request(ALICE_LINE, HOST, KEY, 'Authorization: Bearer x'),
  'two credentials, the last one good': request(ALICE_LINE, HOST, 'authorization: Bearer x', KEY),
  HEAD: request('HEAD /tokens/alice HTTP/1.1', HOST, KEY),
  'HEAD of a refusal': request('HEAD /tokens/bob HTTP/1.1', HOST, KEY),
  ...Object.fromEntries(
    ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'get', 'XGET'].map(
      (method): [string, Bytes] => [method, request(`${method} /tokens/alice HTTP/1.1`, HOST, KEY)],
    ),
  ),
  CONNECT: request('CONNECT /tokens/alice HTTP/1.1', HOST, KEY),
  'OPTIONS *': request('OPTIONS * HTTP/1.1', HOST, KEY),
  'a body': GET('/tokens/alice', 'Content-Length: 7') + WITH_BODY,
  'an empty body': GET('/tokens/alice', 'Content-Length: 0'),
  'a body of JSON': GET('/tokens/alice', 'Content-Type: application/json', 'Content-Length: 7') + WITH_BODY,
  'a body in chunks': `${GET('/tokens/alice', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`,
  'a slow body': [GET('/tokens/alice', 'Content-Length: 7'), '{"a"', ':1}'],
  'a slow body, and a refusal': [GET('/tokens/bob', 'Content-Length: 7'), '{"a"', ':1}'],
  'a length and chunks':
    GET('/tokens/alice', 'Content-Length: 3', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
  'two lengths': GET('/tokens/alice', 'Content-Length: 3', 'Content-Length: 4') + 'abc',
  'an unknown transfer coding': GET('/tokens/alice', 'Transfer-Encoding: gzip'),
  'Expect: 100-continue': GET('/tokens/alice', 'Expect: 100-continue'),
  'Expect: 100-continue, and a body': [
    GET('/tokens/alice', 'Expect: 100-continue', 'Content-Length: 7'),
    WITH_BODY,
  ],
  'another expectation': GET('/tokens/alice', 'Expect: more'),
  'an absolute target': GET('http://broker.example.com/tokens/alice'),
  'an absolute target with an upper-case scheme': GET('HTTP://broker.example.com/tokens/alice'),
  'an absolute target by https': GET('https://broker.example.com/tokens/alice'),
  'an absolute target of another scheme': GET('ftp://broker.example.com/tokens/alice'),
  'two slashes': GET('//tokens/alice'),
  'two slashes inside': GET('/tokens//alice'),
  'a slash at the end': GET('/tokens/alice/'),
  'no user': GET('/tokens/'),
  dots: GET('/tokens/../tokens/alice'),
  'another case of the path': GET('/TOKENS/alice'),
  'an encoded slash': GET('/tokens%2Falice'),
  'a fragment': GET('/tokens/alice#x'),
  'a user that cannot be decoded': GET('/tokens/%zz'),
  'a user that is no UTF-8': GET('/tokens/%ff'),
  'a user with a control character': GET('/tokens/a%00b'),
  'an unknown parameter': GET('/tokens/alice?unknown=1'),
  'a parameter twice': GET('/tokens/alice?min_ttl=1&min_ttl=2'),
  'a parameter that cannot be decoded': GET('/tokens/alice?min_ttl=%zz'),
  'a parameter out of range': GET('/tokens/alice?min_ttl=100000'),
  'a token that was refused': GET('/tokens/alice?refused=0123456789abcdef'),
  'no token_id': GET('/tokens/alice?refused=x'),
  'a return_to elsewhere': GET('/tokens/unknown?return_to=https%3A%2F%2Felsewhere.example.com%2F'),
  'an unknown client': GET('/tokens/alice?client=nowhere'),
  'an unknown Google Ads account': GET('/tokens/unknown?customer_id=123-456-7890'),
  'a long URL': GET(`/tokens/${'a'.repeat(700)}`),
  'HTTP/1.0': request('GET /tokens/alice HTTP/1.0', HOST, KEY),
  'HTTP/1.0 without Host': request('GET /tokens/alice HTTP/1.0', KEY),
  'HTTP/1.0 that keeps the connection': request(
    'GET /tokens/alice HTTP/1.0',
    HOST,
    KEY,
    'Connection: keep-alive',
  ),
  'HTTP/1.2': request('GET /tokens/alice HTTP/1.2', HOST, KEY),
  'HTTP/2.0': request('GET /tokens/alice HTTP/2.0', HOST, KEY),
  'no version': 'GET /tokens/alice\r\n\r\n',
  'no Host': request(ALICE_LINE, KEY),
  'a browser without a credential': request(
    ALICE_LINE,
    HOST,
    'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
  ),
  'an upgrade to WebSocket': GET('/tokens/alice', 'Connection: Upgrade, close', 'Upgrade: websocket'),
  'an upgrade to HTTP/2': GET('/tokens/alice', 'Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c'),
  'lines that end in LF': GET('/tokens/alice').replaceAll('\r\n', '\n'),
  'a header too long': GET('/tokens/alice', `X-Long: ${'a'.repeat(20_000)}`),
  'a folded header': GET('/tokens/alice', 'X-Folded: a\r\n b'),
  'a space before a colon': GET('/tokens/alice', 'X-Space : a'),
  'a control character in a header': GET('/tokens/alice', 'X-Control: a\u0001b'),
  'a space before the method': ` ${GET('/tokens/alice')}`,
  'a space in the target': GET('/tokens/alice bob'),
};

describe('every kind of request has the same answer from the cache and without it', () => {
  test.each(Object.entries(WARM))('answers %s from the cache, as it does without one', async (_, bytes) => {
    const expected = await exchange(coldUrl, bytes);
    expect(expected).toMatch(/HTTP\/1\.1 (200 OK\r\ncache|403|404|410)/);
    const before = await warmCalls();
    // A token from the cache is counted; a refusal from the cache has the link of the one before.
    for (let link: string | undefined, time = 1; ; time++) {
      const response = await rawExchange(bed.url, bytes);
      expect(normalize(response)).toBe(expected);
      const [nextLink] = /ticket=[\w.-]+/.exec(response) ?? [];
      const isWarm = response.includes('access_token')
        ? (await warmCalls()) > before
        : nextLink === undefined || nextLink === link;
      if (isWarm && time > 2) return;
      link = nextLink;
    }
  });

  test('sends what it answered before bytes that are no request end the connection', async () => {
    await whenWarm('alice');
    const get = `GET /tokens/alice HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\n\r\n`;
    const before = await warmCalls();
    expect((await sendRaw(bed.url, `${get}no request\r\n\r\n`)).status).toBe(200);
    expect(await warmCalls()).toBe(before + 1);
  });

  test.each(Object.entries(UNUSUAL))('leaves %s to the pipeline, with the same answer', async (_, bytes) => {
    await whenWarm('alice');
    const expected = await exchange(coldUrl, bytes);
    const before = await warmCalls();
    for (let time = 1; time <= 3; time++) expect(await exchange(bed.url, bytes)).toBe(expected);
    expect(await warmCalls()).toBe(before);
  });

  test('over https, the headers say so', async () => {
    // A client JSON may omit its redirect URIs; then they cannot be checked.
    const client = join(mkdtempSync(join(tmpdir(), 'token-broker-https-')), 'client.json');
    const web = { client_id: 'default', client_secret: 'x', project_id: 'p' };
    writeFileSync(client, JSON.stringify({ web }));
    const https = { PUBLIC_URL: 'https://broker.example.com', GOOGLE_CLIENT_SECRETS: client };
    const [app, url] = await startCold(https);
    await bed.restart(https);
    try {
      await whenWarm('alice');
      for (const path of ['/tokens/alice', '/tokens/bob']) {
        const expected = await exchange(url, GET(path));
        expect(expected).toContain('strict-transport-security');
        for (let time = 1; time <= 3; time++) expect(await exchange(bed.url, GET(path))).toBe(expected);
      }
    } finally {
      await app.close();
      await bed.restart();
    }
  });

  test.each(['/tokens/alice', '/tokens/bob'])(
    'counts %s for the rate limit as the pipeline does',
    async (path) => {
      const limit = { SERVICE_RATE_LIMIT: '4' };
      const [app, url] = await startCold(limit);
      await bed.restart(limit);
      const responses = async (to: string) => {
        const all: string[] = [];
        for (let call = 1; call <= 6; call++) all.push(await exchange(to, GET(path)));
        return all.map((response) =>
          response.replaceAll(/(reset: |retry-after: |retry_after":)\d+/g, '$1SECONDS'),
        );
      };
      try {
        const expected = await responses(url);
        expect(expected.map((response) => response.slice(9, 12)).slice(3)).toEqual([
          path === '/tokens/alice' ? '200' : '410',
          '429',
          '429',
        ]);
        expect(await responses(bed.url)).toEqual(expected);
      } finally {
        await app.close();
        await bed.restart();
      }
    },
  );
});

describe('a call that is answered from the cache', () => {
  beforeEach(() => whenWarm('alice'));

  test('is counted by its status in the metrics', async () => {
    const count = async () => {
      // Not over HTTP, where an answer may be a second old. Where a heartbeat was late, the pipeline answers.
      const lines = linesOf(await bed.app.get(Metrics).registry.metrics());
      const of = (status: string, code: string) => {
        const labels = { method: 'GET', route: '/tokens/:userId', status, code };
        return valueOf(lines, 'http_request_duration_seconds_count', labels) ?? 0;
      };
      return { refused: of('410', 'reconnect_required'), issued: of('200', 'ok') };
    };
    const before = await count();
    for (let call = 1; call <= 4; call++) {
      await bed.api.token('alice');
      await bed.api.token('bob');
    }
    expect(await count()).toEqual({ refused: before.refused + 4, issued: before.issued + 4 });
  });

  test('is counted in the audit trail, issued or refused, with its details', async () => {
    const api = await bed.service({ audit: true });
    const counted = async (outcome: string) => {
      await bed.app.get(AuditLog).flush();
      const rows = await bed.sql(
        `SELECT sum(count)::int AS count, array_agg(DISTINCT details::text) AS details FROM audit_trail
         WHERE action = 'token.issue' AND outcome = $1 AND service_id = $2`,
        [outcome, api.key.split('_')[1]],
      );
      return rows[0];
    };
    for (let call = 1; call <= 5; call++) {
      await api.token('alice');
      await api.token('bob');
      await api.token('alice', { scope: YOUTUBE_MONEY });
      if (call === 3) await bed.app.get(AuditLog).flush();
    }
    // What a cold call and warm ones record is alike.
    expect(await counted('ok')).toMatchObject({ count: 5, details: [expect.stringContaining(YOUTUBE)] });
    expect(await counted('reconnect_required')).toMatchObject({
      count: 5,
      details: [expect.stringContaining('connect_link')],
    });
    expect(await counted('insufficient_scope')).toMatchObject({
      count: 5,
      details: [expect.stringContaining(YOUTUBE_MONEY)],
    });
  });

  test('has a request id of its own, in the answer and in the log', async () => {
    const ids = new Set<string>();
    for (let call = 1; call <= 4; call++) {
      const { body, headers } = await bed.api.token('bob');
      expect(headers.get('x-request-id')).toBe(body['request_id']);
      ids.add(body['request_id'] as string);
    }
    expect(ids.size).toBe(4);
    for (const id of ids) expect(bed.log().split(`"request_id":"${id}"`)).toHaveLength(2);
    const named = { authorization: `Bearer ${bed.api.key}`, 'x-request-id': 'named-by-its-caller' };
    const line = /"level":"debug"[^\n]*"request_id":"named-by-its-caller"[^\n]*"status":200[^\n]*\n/;
    await until(async () => {
      await fetch(`${bed.url}/tokens/alice`, { headers: named });
      return bed.log().includes('named-by-its-caller');
    });
    expect(line.exec(bed.log())?.[0]).toContain('"path":"/tokens/alice"');
  });

  test('does not wait for a caller that went away', async () => {
    const leave = async (url: string) => {
      const api = await bed.service({ audit: true });
      // Its key is known to both brokers, and the second one's call is warm.
      for (const each of [url, url]) expect((await new Api(each, api.key).token('alice')).status).toBe(200);
      const socket = openSocket(url);
      socket.write(GET('/tokens/alice').replaceAll('{key}', api.key).repeat(20));
      // All are in one packet, so all were read when the first is answered.
      await once(socket, 'data');
      socket.destroy();
      expect((await new Api(url, api.key).token('alice')).status).toBe(200);
      const issued = async (log: AuditLog) => {
        await log.flush();
        const rows = await bed.sql(
          `SELECT coalesce(sum(count), 0)::int AS count FROM audit_trail WHERE action = 'token.issue' AND service_id = $1`,
          [api.key.split('_')[1]],
        );
        return rows[0]?.['count'];
      };
      // Without a cache they may still be under way.
      await until(async () => (await issued((url === coldUrl ? cold : bed.app).get(AuditLog))) === 23);
    };
    // All that came are answered and counted, as by a broker without a cache.
    await leave(bed.url);
    await leave(coldUrl);
  });
});

describe('a cached refusal', () => {
  const linkOf = async (user: string, query = {}) =>
    (await bed.api.token(user, query)).body['connect_url'] as string;
  /** A refusal is in the cache once the link repeats. */
  const repeated = async (user: string, query = {}) => {
    for (;;) {
      const link = await linkOf(user, query);
      if (link === (await linkOf(user, query))) return link;
    }
  };

  test('has a link that is at most a minute old', async () => {
    const link = await repeated('bob');
    bed.clock.advance(61);
    expect(await linkOf('bob')).not.toBe(link);
    const page = await new Browser().open(link);
    expect(page.status).toBe(200);
  });

  test.each([
    ['not-yet', { scope: YOUTUBE }],
    ['bob', {}],
    ['alice', { scope: YOUTUBE_MONEY }],
  ])('has another link once its link was used (%s)', async (user, query) => {
    const link = await repeated(user, query);
    await new Browser().begin(link);
    let next = link;
    // The notification may take a moment.
    await until(async () => (next = await linkOf(user, query)) !== link);
    await new Browser().begin(next);
  });

  test('ends with a change of the grant', async () => {
    await repeated('carol', { scope: YOUTUBE });
    await bed.api.connect({ user_id: 'carol', scope: YOUTUBE }, { account: ALICE.email });
    expect((await bed.api.token('carol', { scope: YOUTUBE })).status).toBe(200);
    await repeated('carol', { scope: YOUTUBE_MONEY });
    await bed.api.connect({ user_id: 'carol', scope: YOUTUBE_MONEY }, { account: ALICE.email });
    expect((await bed.api.token('carol', { scope: YOUTUBE_MONEY })).status).toBe(200);
  });

  test.each(['UPDATE', 'DELETE'])('ends with an %s of the row', async (kind) => {
    const user = `dave-${kind}`;
    await bed.api.connect({ user_id: user, scope: YOUTUBE }, { account: ALICE.email });
    const before = await bed.api.token(user, { scope: YOUTUBE_MONEY });
    expect(before.status).toBe(403);
    await repeated(user, { scope: YOUTUBE_MONEY });
    if (kind === 'DELETE') await bed.sql('DELETE FROM grants WHERE user_id = $1', [user]);
    else await bed.sql('UPDATE grants SET version = version + 1 WHERE user_id = $1', [user]);
    const after = await bed.api.token(user, { scope: YOUTUBE_MONEY });
    if (kind === 'DELETE') expect(after.status).toBe(404);
    else expect(after.body['connect_url']).not.toBe(before.body['connect_url']);
  });

  test("ends with the service's key", async () => {
    const { id, key } = await bed.app.get(ServiceRegistry).create('short-lived', ANYTHING);
    const api = new Api(bed.url, key.reveal());
    for (let call = 1; call <= 3; call++) {
      expect((await api.token('alice')).status).toBe(200);
      expect((await api.token('bob')).status).toBe(410);
    }
    await bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [id]);
    expect((await api.token('alice')).status).toBe(401);
    expect((await api.token('bob')).status).toBe(401);
  });
});

describe('a workload JWT', () => {
  const api = async (lifetime?: number) => new Api(bed.url, await sign(lifetime));

  test('is answered from the cache until it expires', async () => {
    const caller = await api(600);
    await whenWarm('alice', caller);
    // Within the allowance for clocks it is verified each time.
    bed.clock.advance(630);
    const before = await warmCalls();
    expect((await caller.token('alice')).status).toBe(200);
    expect((await caller.token('alice')).status).toBe(200);
    expect(await warmCalls()).toBe(before);
    bed.clock.advance(60);
    expect((await caller.token('alice')).status).toBe(401);
    expect((await caller.token('bob')).status).toBe(401);
  });

  test("ends with its issuer's key, as soon as the keys are read again", async () => {
    const caller = await api();
    await whenWarm('alice', caller);
    const next = await SigningKey.make('warm-2');
    issuer.keys = [next.publicJwk];
    // Past the time for which keys are kept while the issuer answers.
    bed.clock.advance(601);
    expect((await caller.token('alice')).status).toBe(401);
    issuerKey = next;
    await whenWarm('alice', await api());
  });

  test('ends with the identity of its service', async () => {
    const caller = await api();
    await whenWarm('alice', caller);
    await bed.app.get(ServiceRegistry).revoke('workload');
    expect((await caller.token('alice')).status).toBe(401);
    await bed.app
      .get(ServiceRegistry)
      .createForIdentity('narrow', { ...ANYTHING, users: ['bob'] }, identity());
    expect((await caller.token('alice')).status).toBe(403);
  });
});
