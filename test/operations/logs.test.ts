/** What a log line looks like in each LOG_FORMAT, what the start writes, and where a caller's address is logged. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Api } from '../support/api.js';
import { sendRaw } from '../support/raw-http.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ LOG_LEVEL: 'info', TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => bed.stop());

/** What is logged meanwhile. */
async function logged(work: () => Promise<unknown>, has: (text: string) => boolean = (text) => text !== '') {
  const from = bed.log().length;
  await work();
  await until(() => has(bed.log().slice(from)));
  return bed.log().slice(from).trim().split('\n');
}
const restart = (format: string, more: Record<string, string> = {}) =>
  bed.restart({ LOG_FORMAT: format, ...more });
const asForeigner = () =>
  fetch(`${bed.url}/tokens/al%20ice?min_ttl=60`, {
    headers: { 'x-forwarded-for': '203.0.113.7', 'x-request-id': 'named-by-its-caller' },
  });
const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the start', () => {
  test('is one line, and its modules and routes are at debug', async () => {
    const lines = parsed(
      await logged(
        () => bed.restart(),
        (text) => text.includes('ready'),
      ),
    );
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', context: 'Broker', msg: 'ready', public_url: bed.url }),
    ]);
    const all = parsed(
      await logged(
        () => bed.restart({ LOG_LEVEL: 'debug' }),
        (text) => text.includes('ready'),
      ),
    );
    const routes = all.filter(({ context }) => context === 'RouterExplorer');
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.every(({ level }) => level === 'debug')).toBe(true);
  });
});

describe('a line', () => {
  test('of LOG_FORMAT=json names its level, its time as RFC 3339 writes it, and the service with its version', async () => {
    await restart('json');
    const [line] = parsed(await logged(asForeigner));
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(RFC_3339),
      pid: process.pid,
      hostname: expect.any(String),
      name: 'token-broker',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      context: 'Access',
      request_id: 'named-by-its-caller',
      method: 'GET',
      path: '/tokens/al%20ice',
      status: 401,
      ms: expect.any(Number),
      address: '203.0.113.7',
    });
  });

  test('of LOG_FORMAT=gcp has a severity, a message, and the request in the place where the Logs Explorer looks', async () => {
    await restart('gcp');
    const [line] = parsed(await logged(asForeigner));
    expect(line).toEqual({
      severity: 'INFO',
      time: expect.stringMatching(RFC_3339),
      serviceContext: { service: 'token-broker', version: expect.any(String) },
      httpRequest: {
        requestMethod: 'GET',
        requestUrl: '/tokens/al%20ice',
        status: 401,
        latency: expect.stringMatching(/^\d+(\.\d+)?s$/),
        remoteIp: '203.0.113.7',
      },
      context: 'Access',
      request_id: 'named-by-its-caller',
    });
    const failed = parsed(await logged(fail, (text) => text.includes('stack_trace')));
    expect(failed.find((each) => 'stack_trace' in each)).toMatchObject({
      severity: 'ERROR',
      message: expect.any(String),
      stack_trace: expect.stringContaining('\n    at '),
    });
    await recover();
  });

  test('of LOG_FORMAT=ecs has the names of the Elastic Common Schema', async () => {
    await restart('ecs');
    const [line] = parsed(await logged(asForeigner));
    expect(line).toEqual({
      '@timestamp': expect.stringMatching(RFC_3339),
      'log.level': 'info',
      message: 'GET /tokens/al%20ice 401',
      'ecs.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      'service.name': 'token-broker',
      'service.version': expect.any(String),
      'process.pid': process.pid,
      'host.hostname': expect.any(String),
      'log.logger': 'Access',
      'http.request.id': 'named-by-its-caller',
      'http.request.method': 'GET',
      'url.path': '/tokens/al%20ice',
      'http.response.status_code': 401,
      'event.duration': expect.any(Number),
      'client.address': '203.0.113.7',
    });
    const failed = parsed(await logged(fail, (text) => text.includes('error.stack_trace')));
    expect(failed.find((each) => 'error.message' in each)).toMatchObject({
      'log.level': 'error',
      'error.type': expect.any(String),
      'error.stack_trace': expect.stringContaining('\n    at '),
    });
    await recover();
  });

  test('of LOG_FORMAT=pretty is a text, in which nothing of a caller can look like a line of its own', async () => {
    await restart('pretty');
    const [line] = await logged(asForeigner);
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}\[Access\] GET \/tokens\/al%20ice 401 \d+ ms request_id=named-by-its-caller address=203\.0\.113\.7$/,
    );
    const raw = await logged(() =>
      sendRaw(bed.url, 'GET /\x9b31m\x85x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
    );
    // oxlint-disable-next-line no-control-regex -- what must not get to a terminal
    expect(raw.join('\n')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    const failed = await logged(fail, (text) => text.includes('    at '));
    expect(failed.join('\n')).toMatch(/ERROR .+\n +\S.*\n +at /);
    await recover();
  });

  // Its statements fail, and not as those of a database that is gone.
  const fail = async () => {
    await bed.sql('ALTER TABLE grants RENAME COLUMN account_sub TO gone');
    await bed.api.token('alice');
  };
  const recover = () => bed.sql('ALTER TABLE grants RENAME COLUMN gone TO account_sub');
});

describe('the address of a caller', () => {
  test('is in the line of a call without a right, and in none of a call that is answered', async () => {
    await restart('json');
    const narrow = await bed.service({ users: ['bob'] });
    const refused = parsed(await logged(() => narrow.token('alice')));
    expect(refused[0]).toMatchObject({ status: 403, address: '127.0.0.1', service: expect.any(String) });
    // Once more, from memory.
    const again = parsed(await logged(() => narrow.token('alice')));
    expect(again[0]).toMatchObject({ status: 403, address: '127.0.0.1' });
    const answered = parsed(await logged(() => bed.api.get('/users/alice/grants')));
    expect(answered[0]).toMatchObject({ status: 200 });
    expect(answered[0]).not.toHaveProperty('address');
  });

  test('is in the line of a call too many', async () => {
    await restart('json', { SERVICE_RATE_LIMIT: '1' });
    const api = new Api(bed.url, bed.api.key);
    await api.token('alice');
    const [line] = parsed(await logged(() => api.token('alice')));
    expect(line).toMatchObject({ status: 429, address: '127.0.0.1' });
  });
});
