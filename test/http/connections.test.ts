/** The limits of a connection: time for its request, idle time, and the number of connections. */
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { defaultMaxConnections } from '../../src/http/server/connections.js';
import { openSocket, type RawResponse, readResponse, sendRaw } from '../support/raw-http.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ HTTP_HEADERS_TIMEOUT_MS: '600', HTTP_REQUEST_TIMEOUT_MS: '1500' });
});
afterAll(() => bed.stop());

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});
function open(text = ''): Socket {
  const socket = openSocket(bed.url);
  opened.push(socket);
  // A socket that is not read does not see that the other side closed it.
  socket.resume();
  if (text !== '') socket.write(text);
  return socket;
}
/** Keeps sending, a byte at a time. */
function drip(socket: Socket, byte: string): Socket {
  const timer = setInterval(() => {
    if (socket.writable) socket.write(byte);
    else clearInterval(timer);
  }, 100);
  socket.once('close', () => {
    clearInterval(timer);
  });
  return socket;
}
const post = (length: number, begun: string) =>
  `POST /connect/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${begun}`;

const get = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\nConnection: close\r\n\r\n`;
const chunked = (type: string) =>
  `POST /connect/tickets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: ${type}\r\n\r\n5\r\nab`;

describe('an incomplete request', () => {
  test('gets 408 and is closed in time, while other requests are served', async () => {
    const unfinished = [
      ...Array.from({ length: 20 }, () => open()),
      ...Array.from({ length: 20 }, () => open('GET /tokens/alice HTTP/1.1\r\nHost: x\r\n')),
      ...Array.from({ length: 20 }, () => open(post(20, '{"us'))),
      drip(open('GET /tokens/alice HTTP/1.1\r\nHost: x\r\nX: '), 'a'),
      drip(open(post(10_000, '{')), ' '),
      open(chunked('application/json')),
    ];
    const responses = Promise.all(unfinished.map(readResponse));
    for (let call = 0; call < 5; call++) expect((await bed.api.token('alice')).status).toBe(404);
    for (const { status, body, headers, ms } of await responses) {
      expect(status).toBe(408);
      expect(ms).toBeLessThan(6000);
      expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(body).toMatchObject({ code: 'invalid_request', status: 408 });
    }
    expect(bed.log()).toContain('"status":408');
    expect(await (await fetch(`${bed.url}/metrics`)).text()).toContain('status="408"');
    expect(bed.log()).not.toContain('"level":"error"');
  });

  test('gets no second response where it already has one', async () => {
    const { status, text } = await readResponse(open(chunked('application/xml')));
    expect(status).toBe(415);
    expect(text).not.toContain('408');
  });

  test('gets 408 as the second one on a connection, too', async () => {
    const socket = open('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((answered) => socket.once('data', answered));
    socket.write('GET /health/live HTTP/1.1\r\nHost:');
    const { ms, text } = await readResponse(socket);
    expect(ms).toBeLessThan(6000);
    expect(text).toContain('"status":408');
  });

  test('is served where it becomes complete within the limit', async () => {
    const socket = open(post(2, ''));
    const response = readResponse(socket);
    await pause(400);
    socket.write('{}');
    await pause(500);
    socket.end();
    expect((await response).status).toBe(400);
    expect((await sendRaw(bed.url, get('/health/live'))).status).toBe(200);
  });
});

describe('idle connections', () => {
  test('are kept for HTTP_KEEP_ALIVE_MS', async () => {
    await bed.restart({ HTTP_KEEP_ALIVE_MS: '1000' });
    const socket = open('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    const { status, ms, headers } = await readResponse(socket);
    expect(status).toBe(200);
    expect(headers.get('keep-alive')).toBe('timeout=1');
    expect(ms).toBeGreaterThan(900);
    expect(ms).toBeLessThan(8000);
  });
});

describe('the limit of connections', () => {
  test('evicts those whose request is incomplete longest, and serves complete requests', async () => {
    await bed.restart({
      HTTP_MAX_CONNECTIONS: '20',
      HTTP_HEADERS_TIMEOUT_MS: '60000',
      HTTP_REQUEST_TIMEOUT_MS: '60000',
    });
    const isOpen = (socket: Socket) => !socket.destroyed && socket.readyState === 'open';
    const silent = Array.from({ length: 60 }, () => open());
    const slow = Array.from({ length: 30 }, () => open(post(20, '{"us')));
    await until(() => [...silent, ...slow].filter(({ destroyed }) => destroyed).length >= 70);
    // Only a connection that has waited for a moment is evicted (MIN_WAIT_MS).
    await pause(300);
    for (let call = 0; call < 5; call++) {
      const response = await sendRaw(bed.url, get('/tokens/alice'));
      expect(response.status).toBe(404);
    }
    expect([...silent, ...slow].filter(isOpen).length).toBeLessThanOrEqual(20);
  });

  test('evicts those whose next request stays incomplete, that of the longest ago first, and none in flight', async () => {
    await bed.restart({
      HTTP_MAX_CONNECTIONS: '6',
      HTTP_HEADERS_TIMEOUT_MS: '60000',
      HTTP_REQUEST_TIMEOUT_MS: '60000',
    });
    await bed.sql('BEGIN');
    await bed.sql('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
    const from = bed.log().length;
    const live = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
    const inFlight = [open(`${live}${get('/users/alice/grants')}`), open(get('/users/alice/grants'))];
    const served = inFlight.map(async (socket) => {
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      return text;
    });
    await until(async () => Number((await bed.sql(BLOCKED_SESSIONS))[0]?.['count']) === 2);
    const begun: Socket[] = [];
    for (let connection = 0; connection < 4; connection++) {
      const socket = open(live);
      await new Promise((answered) => socket.once('data', answered));
      socket.write('GET /health/live HTTP/1.1\r\nHo');
      begun.push(socket);
    }
    // Their requests have arrived.
    await pause(100);
    const evicted = begun.slice(0, 3).map(readResponse);
    const callers: Socket[] = [];
    for (let call = 0; call < 3; call++) {
      const socket = open(live);
      await new Promise((ended) => socket.once('data', ended).once('close', ended));
      socket.write('GET ');
      await pause(50);
      callers.push(socket);
    }
    for (const { status, text } of await Promise.all(evicted)) {
      expect(status).toBe(408);
      expect(text).toContain('invalid_request');
    }
    expect(callers.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
    const last = readResponse(begun[3] as Socket);
    begun[3]?.write('st: x\r\nConnection: close\r\n\r\n');
    expect((await last).status).toBe(200);
    await bed.sql('ROLLBACK');
    for (const text of await Promise.all(served)) expect(text).toContain('"grants"');
    expect(bed.log().slice(from)).not.toContain('HTTP_MAX_CONNECTIONS is reached');
  });

  test('refuses a new one while each is in use, and the log names the setting', async () => {
    await bed.restart({ HTTP_MAX_CONNECTIONS: '2' });
    await bed.sql('BEGIN');
    await bed.sql('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
    const busy: Promise<RawResponse>[] = [];
    for (let call = 0; call < 2; call++) {
      busy.push(readResponse(open(get('/users/alice/grants'))));
      await until(async () => Number((await bed.sql(BLOCKED_SESSIONS))[0]?.['count']) > call);
    }
    expect((await sendRaw(bed.url, get('/health/live'))).status).toBe(0);
    expect(bed.log()).toContain('HTTP_MAX_CONNECTIONS is reached');
    await bed.sql('ROLLBACK');
    for (const { status } of await Promise.all(busy)) expect(status).toBe(200);
    expect((await sendRaw(bed.url, get('/health/live'))).status).toBe(200);
  });

  test('allows by default as many as the limit of open files leaves', () => {
    const most = defaultMaxConnections(110);
    expect(most).toBeGreaterThanOrEqual(16);
    expect(most).toBeLessThanOrEqual(10_000);
    expect(defaultMaxConnections(1e9)).toBe(16);
  });
});
