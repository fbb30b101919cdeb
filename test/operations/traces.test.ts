/**
 * Traces as OpenTelemetry's own exporter in memory sees them: which spans a call makes, what they say, where the caller's context
 * goes on, and what is in none of them. test/operations/traces-collector.test.ts has the way to a collector.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OpenTelemetry } from '../../src/tracing/open-telemetry.js';
import { startTracing } from '../../src/tracing/tracing.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { isCluster } from '../support/cluster.js';
import { ACCESS_TOKEN_TYPE, EXCHANGE, postForm } from '../support/token-endpoint.js';
import { Browser } from '../support/api.js';
import { linesOf, scrape, valueOf } from '../support/metric-lines.js';
import { openSocket, readResponse } from '../support/raw-http.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const HOUR = 3600;
const PARENT = 'b7ad6b7169203331';

const memory = new InMemorySpanExporter();
const processor = new SimpleSpanProcessor({ exporter: memory });
const traces = new OpenTelemetry(new TracerProvider({ spanProcessors: [processor] }), 'test');

let receiver: Receiver;
let bed: TestBed;
beforeAll(async () => {
  startTracing(traces);
  receiver = await startReceiver(() => bed.clock.now());
  bed = await startTestBed();
  await bed.webhook({ url: receiver.url, secret: receiver.secret });
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
});
beforeEach(async () => {
  await settled();
  memory.reset();
  receiver.clear();
});
afterAll(async () => {
  startTracing(null);
  await bed.stop();
  await receiver.close();
  await traces.stop();
});

/** The requests that any server of this process got, in part or whole. */
const begun: IncomingMessage[] = [];
subscribe('http.server.request.start', (message) => {
  begun.push((message as { request: IncomingMessage }).request);
});

let calls = 0;
/** The context of a caller, in a trace of its own. */
function context(flags = '01'): { traceId: string; headers: Record<string, string> } {
  const traceId = (++calls).toString(16).padStart(32, 'a');
  return { traceId, headers: { traceparent: `00-${traceId}-${PARENT}-${flags}` } };
}

const spansOf = (traceId: string) =>
  memory.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
const serverOf = (traceId: string) => spansOf(traceId).find(({ kind }) => kind === SpanKind.SERVER);
/** A span ends after its answer has arrived here. */
const serverSpan = async (traceId: string): Promise<ReadableSpan> => {
  await until(() => serverOf(traceId) !== undefined);
  return serverOf(traceId) as ReadableSpan;
};
/** How many forms were answered from memory. */
async function warmForms(): Promise<number> {
  const labels = { method: 'POST', code: 'ok', source: 'memory' };
  return valueOf(linesOf(await scrape(bed.url)), 'http_request_duration_seconds_count', labels) ?? 0;
}
/** What a call leaves behind is written after it. */
const settled = () => bed.app.get(AuditLog).flush();

describe('a call', () => {
  test('is a span of the caller’s trace, and the statements and the refresh that it waits for are its children', async () => {
    bed.clock.advance(2 * HOUR);
    const { traceId, headers } = context();
    expect((await bed.api.get('/tokens/alice', {}, headers)).status).toBe(200);
    const server = await serverSpan(traceId);
    expect(server).toMatchObject({
      name: 'GET /tokens/:userId',
      parentSpanContext: { spanId: PARENT, isRemote: true },
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/tokens/:userId',
        'http.response.status_code': 200,
        'url.scheme': 'http',
        'token_broker.service': expect.stringMatching(/^service /),
      },
    });
    const children = spansOf(traceId).filter((span) => span !== server);
    for (const { kind, parentSpanContext } of children) {
      expect([kind, parentSpanContext?.spanId]).toEqual([SpanKind.CLIENT, server.spanContext().spanId]);
    }
    const { hostname, port, origin } = new URL(bed.google.url);
    expect(children.find(({ name }) => name === 'POST /token')?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'server.address': hostname,
      'server.port': Number(port),
      'url.full': `${origin}/token`,
    });
    const database = new URL(bed.ownerUrl);
    const statements = children.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql');
    expect(statements.map(({ attributes }) => attributes['db.query.summary'])).toEqual(
      // On a cluster the refresh is two functions, and the read is asked of a part of the table.
      expect.arrayContaining(isCluster ? ['SELECT access_tokens', 'SELECT'] : ['UPDATE grants']),
    );
    expect(statements[0]?.attributes).toMatchObject({
      'db.namespace': database.pathname.slice(1),
      'server.port': isCluster ? expect.any(Number) : Number(database.port),
      'server.address': database.hostname,
    });
  });

  test('that is answered from memory is a span, too, and has no children', async () => {
    await bed.api.token('alice');
    const { traceId, headers } = context();
    await bed.api.get('/tokens/alice', {}, headers);
    const server = await serverSpan(traceId);
    expect(server.name).toBe('GET /tokens/:userId');
    expect(spansOf(traceId)).toHaveLength(1);
  });

  test('of the token endpoint keeps its trace in its audit event when it is answered from memory', async () => {
    const form = {
      grant_type: EXCHANGE,
      subject_token: bed.api.key,
      subject_token_type: ACCESS_TOKEN_TYPE,
      audience: `${bed.settings['PUBLIC_URL'] ?? ''}/users/alice`,
    };
    expect((await postForm(bed.url, form)).status).toBe(200);
    // What is alike until then is one event.
    await settled();
    const before = await warmForms();
    const { traceId, headers } = context();
    expect((await postForm(bed.url, form, headers)).status).toBe(200);
    expect(await warmForms()).toBe(before + 1);
    await settled();
    const rows = await bed.sql(`SELECT action FROM audit_trail WHERE details->>'trace_id' = '${traceId}'`);
    expect(rows).toEqual([{ action: 'token.issue' }]);
  });

  test('keeps its trace where its body comes after its headers', async () => {
    const { traceId, headers } = context();
    const body = JSON.stringify({ user_id: 'bob', scope: YOUTUBE });
    const socket = openSocket(bed.url);
    socket.write(
      `POST /connect/tickets HTTP/1.1\r\nhost: broker\r\nauthorization: Bearer ${bed.api.key}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n` +
        `traceparent: ${headers['traceparent'] ?? ''}\r\nconnection: close\r\n\r\n${body.slice(0, 5)}`,
    );
    await until(() => begun.some((each) => each.headers['traceparent'] === headers['traceparent']));
    socket.write(body.slice(5));
    expect(await readResponse(socket)).toMatchObject({ status: 201 });
    expect(await serverSpan(traceId)).toMatchObject({ name: 'POST /connect/tickets' });
    const inserted = spansOf(traceId).map(({ attributes }) => attributes['db.query.summary']);
    expect(inserted).toContain('INSERT connect_tickets');
  });

  test('has the statements of no other call, although all of them wait for connections', async () => {
    const all = Array.from({ length: 12 }, () => context());
    const body = JSON.stringify({ user_id: 'bob', scope: YOUTUBE });
    const more = { authorization: `Bearer ${bed.api.key}`, 'content-type': 'application/json' };
    await Promise.all(
      all.map(({ headers }) =>
        fetch(`${bed.url}/connect/tickets`, { method: 'POST', headers: { ...headers, ...more }, body }),
      ),
    );
    for (const { traceId } of all) {
      await serverSpan(traceId);
      const inserts = spansOf(traceId).filter(({ name }) => name.startsWith('INSERT connect_tickets'));
      expect(inserts).toHaveLength(1);
    }
  });

  test('that fails is an error of the server, and says which request of its own failed, and how', async () => {
    bed.clock.advance(2 * HOUR);
    bed.google.control.failNext('token', { drop: true });
    const { traceId, headers } = context();
    expect((await bed.api.get('/tokens/alice', {}, headers)).status).toBe(503);
    expect(await serverSpan(traceId)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'http.response.status_code': 503, 'error.type': '503' },
    });
    const google = spansOf(traceId).find(({ name }) => name === 'POST /token');
    expect(google).toMatchObject({ status: { code: SpanStatusCode.ERROR }, events: [] });
    expect(google?.attributes['error.type']).toMatch(/^(UND_ERR_SOCKET|ECONNRESET)$/);
    await bed.afterBackoff();
  });

  test('that the caller got wrong is no error of the server, and one without a route has its method as its name', async () => {
    const wrong = context();
    await fetch(`${bed.url}/tokens/alice`, { headers: wrong.headers });
    expect(await serverSpan(wrong.traceId)).toMatchObject({
      status: { code: SpanStatusCode.UNSET },
      attributes: { 'http.response.status_code': 401 },
    });
    const nowhere = context();
    await fetch(`${bed.url}/nowhere/alice`, { headers: nowhere.headers });
    const { name, attributes } = await serverSpan(nowhere.traceId);
    expect([name, attributes['http.route'], attributes['http.response.status_code']]).toEqual([
      'GET',
      undefined,
      404,
    ]);
    const malformed = context();
    await fetch(`${bed.url}/tokens/%FF`, { headers: malformed.headers });
    expect((await serverSpan(malformed.traceId)).attributes['http.response.status_code']).toBe(400);
  });

  test('that the caller does not sample is not recorded, but its context goes on', async () => {
    await connectAs('carol');
    memory.reset();
    const { traceId, headers } = context('00');
    await bed.api.get('/tokens/carol', {}, headers);
    await settled();
    expect(memory.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId)).toEqual([]);
    expect(bed.log()).not.toContain(`"trace_id":"${traceId}","span_id":"${PARENT}"`);
  });
});

const connectAs = (user_id: string) =>
  bed.api.connect({ user_id, scope: YOUTUBE, force: true }, { account: ALICE.email });

describe('the context of a caller', () => {
  test('goes on with the webhook that the call causes, in the audit trail and in the log', async () => {
    await connectAs('dora');
    const { body } = await bed.api.get('/users/dora/grants');
    const id = (body['grants'] as { id: string }[])[0]?.id ?? '';
    const { traceId, headers } = context();
    const url = `${bed.url}/grants/${id}?mode=local`;
    const authorization = `Bearer ${bed.api.key}`;
    expect((await fetch(url, { method: 'DELETE', headers: { ...headers, authorization } })).status).toBe(200);
    const disconnected = () => receiver.received.find(({ type }) => type === 'grant.disconnected');
    await until(() => {
      bed.clock.advance(1);
      return disconnected() !== undefined;
    });

    const event = disconnected();
    expect(event?.text).not.toContain(traceId);
    await until(() => spansOf(traceId).some(({ name }) => name === 'POST'));
    const delivery = spansOf(traceId).find(({ name }) => name === 'POST');
    expect(event?.headers['traceparent']).toBe(`00-${traceId}-${delivery?.spanContext().spanId ?? ''}-01`);
    // Its path may be a secret of the receiver.
    expect(delivery?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.status_code': 204,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(receiver.url).port),
    });

    await settled();
    const [row] = await bed.sql(`SELECT details FROM audit_trail WHERE action = 'grant.disconnect'`);
    expect(row?.['details']).toMatchObject({ trace_id: traceId });
    const line =
      bed
        .log()
        .split('\n')
        .find((each) => each.includes(`"path":"/grants/${id}"`)) ?? '{}';
    const server = await serverSpan(traceId);
    expect(JSON.parse(line)).toMatchObject({ trace_id: traceId, span_id: server.spanContext().spanId });
  });

  test('begins with the broker where the caller sends none, or a malformed one', async () => {
    for (const traceparent of ['', '00-0-0-01', 'ff-x']) {
      memory.reset();
      await bed.api.get('/users/alice/grants', {}, { traceparent });
      await until(() => memory.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER));
      const server = memory.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER);
      expect(server?.parentSpanContext).toBeUndefined();
    }
  });

  test('is not sent to Google', async () => {
    bed.clock.advance(2 * HOUR);
    begun.length = 0;
    await bed.api.get('/tokens/alice', {}, context().headers);
    const host = new URL(bed.google.url).host;
    const atGoogle = begun.filter(({ headers }) => headers.host === host);
    expect(atGoogle.map(({ url, headers }) => [url, headers['traceparent']])).toEqual([
      ['/token', undefined],
    ]);
  });
});

describe('no span', () => {
  test('is made for health checks and metrics, or for what the broker does on its own', async () => {
    await fetch(`${bed.url}/health/ready`);
    await fetch(`${bed.url}/metrics`);
    // Heartbeats and jobs.
    bed.clock.advance(25 * HOUR);
    await until(async () => {
      const [row] = await bed.sql(`SELECT count(*)::int AS count FROM change_heartbeats`);
      return Number(row?.['count']) > 0;
    });
    const roots = memory.getFinishedSpans().filter(({ parentSpanContext }) => !parentSpanContext);
    expect(roots.map(({ name }) => name)).toEqual([]);
  });

  test('holds a token, code, state, key, e-mail, account, user or value of a query', async () => {
    const browser = new Browser();
    const user = 'erin-the-user';
    const url = await bed.api.connectUrl({ user_id: user, scope: YOUTUBE, force: true });
    const consent = await browser.begin(url);
    const cookies = [...browser.cookies.values()];
    const back = await visitConsent(consent, { account: ALICE.email });
    await browser.open(back);
    bed.clock.advance(2 * HOUR);
    bed.google.control.failNext('token', { named: 'invalid_client_secret' } as never);
    await bed.api.token(user);
    await bed.afterBackoff();
    const token = await bed.api.token(user, { min_ttl: '1234' });
    await bed.api.get('/audit', { user });
    await bed.sql('ALTER TABLE access_tokens RENAME TO gone');
    bed.clock.advance(2 * HOUR);
    await bed.api.token(user);
    await bed.sql('ALTER TABLE gone RENAME TO access_tokens');
    await bed.afterBackoff();
    await until(() => {
      bed.clock.advance(1);
      return receiver.received.some(({ data }) => data['user_id'] === user);
    });
    await settled();

    const spans = memory.getFinishedSpans();
    expect(spans.length).toBeGreaterThan(50);
    const written = spans
      .map(({ name, attributes, events, links, status }) =>
        JSON.stringify({ name, attributes, events, links, status }),
      )
      .join('\n');
    expect(written).toContain('/tokens/:userId');
    const hidden = [
      ...bed.google.control.secrets(),
      ...cookies,
      ...['state', 'nonce', 'code_challenge'].map((name) => consent.searchParams.get(name)),
      back.searchParams.get('code'),
      new URL(url).searchParams.get('ticket'),
      bed.api.key,
      token.body['access_token'],
      receiver.secret.slice('whsec_'.length),
      new URL(bed.ownerUrl).password,
      ...[user, ALICE.email, ALICE.sub, ALICE.name, '1234', '?', '@'],
      // A server may ask for no password.
    ].filter((each): each is string => typeof each === 'string' && each !== '');
    expect(hidden.length).toBeGreaterThan(20);
    for (const each of new Set(hidden)) {
      expect({ found: written.includes(each) ? each : null }).toEqual({ found: null });
    }
  });
});
