/**
 * A call whose response is in no cache is answered before the pipeline once the pipeline has accepted its credential and its
 * query: the same answers as by the pipeline of a broker without caches, on one database. A refusal is the pipeline's.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { ChangeFeed } from '../../src/token-store/change-feed/change-feed.js';
import { TokenIssuer } from '../../src/tokens/token-issuer.js';
import { sendRaw } from '../support/raw-http.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** As identity providers make them. */
const ENCODED_USER = 'auth0|5f7c8ec7';
const TWO_SCRIPTS = 'søren/李 +?';

let bed: TestBed;
let whole: NestFastifyApplication;
let wholeUrl: string;

beforeAll(async () => {
  bed = await startTestBed();
  const port = String(await freePort());
  const environment = { ...bed.settings, LOG_LEVEL: 'fatal', PORT: port, CACHE_USERS: '0' };
  whole = await startBroker(readConfiguration(environment), { clock: bed.clock });
  wholeUrl = `http://127.0.0.1:${port}`;
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
  await bed.api.connect({ user_id: ENCODED_USER, scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: TWO_SCRIPTS, scope: YOUTUBE }, { account: ALICE.email });
  bed.google.control.revokeByUser(BOB.sub, 'project-a');
  bed.clock.advance(700);
  expect((await bed.api.token('bob', { min_ttl: '3000' })).status).toBe(410);
  expect((await bed.api.token(encodeURIComponent(TWO_SCRIPTS))).status).toBe(200);
});
afterAll(async () => {
  await whole.close();
  await bed.stop();
});

interface ComparedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<ComparedResponse> {
  const response = await fetch(url + path, {
    headers: { authorization: `Bearer ${bed.api.key}`, ...headers },
  });
  const body = (await response.text())
    .replaceAll(/"expires_in":\d+/g, '"expires_in":SECONDS')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/ticket=[\w.-]+/g, 'ticket=TICKET');
  const { date: _date, 'x-request-id': id, ...others } = Object.fromEntries(response.headers);
  const isMade = id !== undefined && id.length === 36;
  return {
    status: response.status,
    headers: { ...others, 'x-request-id': isMade ? 'ID' : (id ?? '') },
    body,
  };
}

/** In no cache any more, but for the credential. */
function forget(...users: string[]): void {
  for (const userId of users) bed.app.get(ChangeFeed).publish({ kind: 'grant', userId, client: 'default' });
}

/** @returns what `act` returns, and how many requests for tokens Fastify handled meanwhile */
async function countingPipeline<T>(act: () => Promise<T>): Promise<[T, number]> {
  let count = 0;
  // The stand-in for Google is Fastify as well.
  const add = (message: unknown) => {
    if ((message as { request: { url: string } }).request.url.startsWith('/tokens/')) count++;
  };
  subscribe('tracing:fastify.request.handler:start', add);
  try {
    return [await act(), count];
  } finally {
    unsubscribe('tracing:fastify.request.handler:start', add);
  }
}

/** @returns what `act` returns, and whether the issuer was asked before the pipeline had the request */
async function seeingColdPath<T>(act: () => Promise<T>): Promise<[T, boolean]> {
  const order: string[] = [];
  const add = () => void order.push('pipeline');
  const issuer = bed.app.get(TokenIssuer);
  const answer = issuer.answer.bind(issuer);
  const spy = jest.spyOn(issuer, 'answer').mockImplementation((...asked) => {
    order.push('issuer');
    return answer(...asked);
  });
  subscribe('tracing:fastify.request.handler:start', add);
  try {
    return [await act(), order[0] === 'issuer'];
  } finally {
    unsubscribe('tracing:fastify.request.handler:start', add);
    spy.mockRestore();
  }
}

/** Until the cold path takes the call: a machine that misses heartbeats caches nothing. */
async function coldly(path: string, headers: Record<string, string> = {}): Promise<ComparedResponse> {
  const search = path.includes('?') ? path.slice(path.indexOf('?')) : '';
  for (;;) {
    await ask(bed.url, `/tokens/alice${search}`, headers);
    forget('alice', 'bob', 'unknown', ENCODED_USER, TWO_SCRIPTS);
    const [[response, count], isCold] = await seeingColdPath(() =>
      countingPipeline(() => ask(bed.url, path, headers)),
    );
    // A refusal is handed over: one request, and not one more.
    if (isCold && count === (response.status === 200 ? 0 : 1)) return response;
  }
}

test.each<[string, string, Record<string, string>]>([
  ['a token', '/tokens/alice', {}],
  ['a token, with a query', '/tokens/alice?min_ttl=10&client=default', {}],
  ['a token, with an id of its own', '/tokens/alice', { 'x-request-id': 'mine-1' }],
  ['a dead grant', '/tokens/bob', {}],
  ['a dead grant, with an id of its own', '/tokens/bob', { 'x-request-id': 'mine-2' }],
  ['no grant', '/tokens/unknown', {}],
  ['no grant, with a scope', `/tokens/unknown?scope=${encodeURIComponent(YOUTUBE)}`, {}],
  ['a missing scope', `/tokens/alice?scope=${encodeURIComponent(YOUTUBE_MONEY)}`, {}],
  ['an unknown client', '/tokens/alice?client=nowhere', {}],
  ['two dots', '/tokens/a..b', {}],
  ['an id that is percent-encoded', `/tokens/${encodeURIComponent(ENCODED_USER)}`, {}],
  ['an id of two scripts', `/tokens/${encodeURIComponent(TWO_SCRIPTS)}`, {}],
])('%s is answered as by the pipeline', async (_, path, headers) => {
  expect(await coldly(path, headers)).toEqual(await ask(wholeUrl, path, headers));
});

test('a token that must be refreshed is answered without the pipeline, and its refresh is logged with its id', async () => {
  const first = await coldly('/tokens/alice');
  bed.clock.advance(3600);
  await until(async () => {
    bed.clock.advance(3600);
    const [response, count] = await countingPipeline(() =>
      ask(bed.url, '/tokens/alice', { 'x-request-id': 'refreshed' }),
    );
    expect(response.status).toBe(200);
    return count === 0 && response.body !== first.body;
  });
  await bed.app.get(AuditLog).flush();
  const rows = await bed.sql(`SELECT action FROM audit_trail WHERE request_id = 'refreshed'`);
  expect(rows.map(({ action }) => action)).toContain('token.refresh');
});

test('a failure is asked of Google once, and its log lines and its answer have one id', async () => {
  await coldly('/tokens/alice');
  bed.google.control.failNext('token', { status: 500, body: '' });
  const before = bed.google.control.count('token');
  bed.clock.advance(3600);
  const response = await ask(bed.url, '/tokens/alice', { 'x-request-id': 'failed-once' });
  expect(response.status).toBe(503);
  expect(response.headers['x-request-id']).toBe('failed-once');
  expect(bed.google.control.count('token')).toBe(before + 1);
  const lines = bed
    .log()
    .split('\n')
    .filter((line) => line.includes('"request_id":"failed-once"'));
  expect(lines.map((line) => /"msg":"refresh failed"|"status":503/.exec(line)?.[0])).toEqual([
    '"msg":"refresh failed"',
    '"status":503',
  ]);
});

test('a refusal counts once for the rate limit, and once in the audit trail', async () => {
  await bed.restart({ SERVICE_RATE_LIMIT: '4' });
  try {
    const statuses: number[] = [];
    for (let call = 1; call <= 6; call++) {
      statuses.push((await ask(bed.url, '/tokens/bob', { 'x-request-id': `counted-${call}` })).status);
      forget('bob');
    }
    expect(statuses).toEqual([410, 410, 410, 410, 429, 429]);
    await bed.app.get(AuditLog).flush();
    const [row] = await bed.sql(
      `SELECT sum(count)::int AS count FROM audit_trail WHERE outcome = 'reconnect_required' AND request_id LIKE 'counted-%'`,
    );
    expect(row?.['count']).toBe(4);
  } finally {
    await bed.restart();
  }
});

test('a service that was revoked is refused', async () => {
  const api = await bed.service({});
  await api.token('alice');
  await api.token('alice');
  await bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [api.key.split('_')[1]]);
  await until(async () => (await api.token('alice')).status === 401);
});

test.each(['account=nobody%40example.com', 'scope=https%3A%2F%2Fexample.com%2Fnone', 'x'])(
  'a path with the fragment %s is refused, and changes no later call of the same credential',
  async (fragment) => {
    const { api } = bed;
    const head = `Host: broker.example.com\r\nAuthorization: Bearer ${api.key}\r\nConnection: close`;
    const refused = await sendRaw(bed.url, `GET /tokens/alice#${fragment} HTTP/1.1\r\n${head}\r\n\r\n`);
    expect(refused.status).toBe(400);
    forget('alice');
    expect((await api.token('alice')).status).toBe(200);
    expect((await api.token(encodeURIComponent('x#account=nobody'))).body['code']).toBe('not_connected');
  },
);
