/**
 * Several workers on one port, as WORKERS starts them: processes over one database. What replicas share they share, too
 * (test/tokens/replicas.test.ts); here is what one port, one supervisor and one /metrics add.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { wrapRing } from '../../src/sealing/ring-file.js';
import { emptyFolder } from '../cli/token-broker.js';
import { inEachForm } from '../support/cluster.js';
import { startKms } from '../support/kms-stand-in.js';
import { asRuntime, createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

const WORKER_UP = /^token_broker_worker_up\{worker="(\d+)"\} 1$/gm;
const RESIDENT = /^process_resident_memory_bytes\{worker="(\d+)"\} /gm;

let fleet: Fleet;
let database: pg.Client;
let key: string;
beforeAll(async () => {
  const url = await createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  fleet = await startFleet(asRuntime(url), 1, { GOOGLE_TIMEOUT_MS: '3000' });
  key = await seedService(fleet, database);
}, 60_000);
afterEach(async () => {
  fleet.google.control.reset();
  // Three processes each, which would go on to use the processor of the next test.
  await Promise.all(fleet.replicas.slice(1).map((broker) => broker.end('SIGKILL')));
});
afterAll(async () => {
  await fleet.stop();
  await database.end();
});

/** @returns once all workers answer */
async function start(settings: Record<string, string> = {}): Promise<Replica> {
  const broker = await fleet.add({ WORKERS: '2', ...settings });
  await untilUp(broker, 2);
  return broker;
}

const metrics = async ({ url }: Replica) => (await fetch(`${url}/metrics`)).text();
const numbers = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, number]) => number);
const untilUp = (broker: Replica, count: number) =>
  until(async () => numbers(await metrics(broker).catch(() => ''), WORKER_UP).length === count);

interface Connection {
  readonly ask: (
    path: string,
    method?: 'GET' | 'DELETE',
  ) => Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  readonly close: () => Promise<void>;
}

/** One connection each, to different workers: the supervisor deals them out in turn. */
function connect({ url }: Replica, count: number): Connection[] {
  return Array.from({ length: count }, () => {
    const dispatcher = new Agent({ connections: 1, pipelining: 1 });
    return {
      ask: async (path, method = 'GET') => {
        const headers = { authorization: `Bearer ${key}` };
        const { statusCode, body } = await request(`${url}${path}`, { method, headers, dispatcher });
        return { status: statusCode, body: (await body.json()) as Record<string, unknown> };
      },
      close: () => dispatcher.close(),
    };
  });
}

/** How many calls each worker answered for users' tokens, from the database or from a cache. */
async function callsByWorker(broker: Replica): Promise<number[]> {
  const text = await metrics(broker);
  return ['1', '2'].map((worker) =>
    [...text.matchAll(/^token_broker_http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)]
      .filter(([, labels = '']) => labels.includes(`worker="${worker}"`) && labels.includes('/tokens/'))
      .reduce((sum, [, , count]) => sum + Number(count), 0),
  );
}

/** The processes of the workers. Linux lists them; other systems have no such file. */
function workerPids({ process: { pid = 0 } }: Replica): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}
const onLinux = existsSync('/proc/self/task') ? test : test.skip;

describe('two workers', () => {
  test('both answer on one port, and /metrics has both whichever is asked', async () => {
    const broker = await start();
    await seedGrants(fleet, inEachForm(database), ['port'], 3000);
    const connections: Connection[] = [];
    let calls: number[] = [];
    // The supervisor passes over a worker that has not taken its last connection yet.
    await until(async () => {
      const [connection] = connect(broker, 1) as [Connection];
      connections.push(connection);
      expect((await connection.ask('/tokens/port')).status).toBe(200);
      calls = await callsByWorker(broker);
      return Math.min(...calls) > 0;
    });
    expect(calls.reduce((sum, count) => sum + count)).toBe(connections.length);
    for (let scrape = 0; scrape < 4; scrape++) {
      const text = await metrics(broker);
      expect([numbers(text, WORKER_UP).sort(), numbers(text, RESIDENT).sort()]).toEqual([
        ['1', '2'],
        ['1', '2'],
      ]);
      // One series has one line, and one metric one heading.
      const series = text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace(/ [^ ]+$/, ''));
      expect(series.filter((one, at) => !one.startsWith('# HELP') && series.indexOf(one) !== at)).toEqual([]);
    }
    await Promise.all(connections.map((connection) => connection.close()));
    expect(await broker.end('SIGTERM')).toBe(0);
  });

  test('ask Google once for callers of both, and both are notified of a disconnect through one', async () => {
    const broker = await start();
    await seedGrants(fleet, inEachForm(database), ['shared'], 0);
    fleet.google.control.latency('token', 300);
    const connections = connect(broker, 6);
    const responses = await Promise.all(connections.map(({ ask }) => ask('/tokens/shared')));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(new Set(responses.map(({ body }) => body['access_token'])).size).toBe(1);
    expect(Math.min(...(await callsByWorker(broker)))).toBeGreaterThan(0);
    expect(fleet.google.control.count('token', 'refresh_token')).toBe(1);
    const { rows } = await database.query<{ id: string }>(`SELECT id FROM grants WHERE user_id = 'shared'`);
    const [first, ...others] = connections as [Connection, ...Connection[]];
    expect((await first.ask(`/grants/${rows[0]?.id ?? ''}?mode=local`, 'DELETE')).status).toBe(200);
    for (const { ask } of others) await until(async () => (await ask('/tokens/shared')).status === 404);
    await Promise.all(connections.map((connection) => connection.close()));
    await broker.end('SIGTERM');
  });

  onLinux('go on while one that was killed is replaced', async () => {
    const broker = await start();
    await seedGrants(fleet, inEachForm(database), ['killed'], 3000);
    const [, second = 0] = workerPids(broker);
    process.kill(second, 'SIGKILL');
    await until(async () =>
      (await metrics(broker)).includes('token_broker_worker_restarts_total{worker="2"} 1'),
    );
    for (let call = 0; call < 10; call++) {
      const [connection] = connect(broker, 1) as [Connection];
      expect((await connection.ask('/tokens/killed')).status).toBe(200);
      await connection.close();
    }
    await untilUp(broker, 2);
    const pids = workerPids(broker);
    expect(pids).toHaveLength(2);
    expect(pids).not.toContain(second);
    await until(() => broker.log().includes('a worker ended; another takes its place'));
    await broker.end('SIGTERM');
  });

  onLinux('wait twice as long each time before one that ends soon after its start is replaced', async () => {
    const broker = await start();
    const waits = () =>
      [...broker.log().matchAll(/"worker":(\d+),.*"restart_in_ms":(\d+)/g)].map((found) =>
        found.slice(1).map(Number),
      );
    const [first = 0] = workerPids(broker);
    for (const [at, waitMs] of [250, 500, 1000].entries()) {
      await until(() => workerPids(broker).length === 2);
      process.kill(workerPids(broker).find((pid) => pid !== first) ?? 0, 'SIGKILL');
      const killedAt = performance.now();
      await until(() => waits().length > at);
      expect(waits().at(-1)).toEqual([2, waitMs]);
      await until(() => workerPids(broker).length === 2);
      expect(performance.now() - killedAt).toBeGreaterThan(waitMs * 0.9);
    }
    // The other one's count is its own.
    process.kill(first, 'SIGKILL');
    await until(() => waits().length === 4);
    expect(waits().at(-1)).toEqual([1, 250]);
    await broker.end('SIGTERM');
  });

  test('answer what is in flight at SIGTERM, and then end with 0', async () => {
    const broker = await start({ GOOGLE_TIMEOUT_MS: '15000' });
    const users = ['draining-0', 'draining-1'];
    await seedGrants(fleet, inEachForm(database), users, 0);
    fleet.google.control.latency('token', 1500);
    const connections = connect(broker, 2);
    const responses = connections.map(({ ask }, at) => ask(`/tokens/${users[at] ?? ''}`));
    await until(() => fleet.google.control.count('token', 'refresh_token') === 2);
    const end = broker.end('SIGTERM');
    expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await end).toBe(0);
    expect(broker.log()).toBe('');
  });

  test('are not ready but serve for SHUTDOWN_DELAY_SECONDS, which a second signal skips', async () => {
    const broker = await start({ SHUTDOWN_DELAY_SECONDS: '600' });
    const exit = once(broker.process, 'exit');
    broker.process.kill('SIGTERM');
    await until(async () => (await fetch(`${broker.url}/health/ready`)).status === 503);
    for (const { ask, close } of connect(broker, 4)) {
      await until(async () => (await ask('/health/ready')).status === 503);
      expect((await ask('/health/live')).status).toBe(200);
      await close();
    }
    broker.process.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });

  onLinux('are each signalled by a terminal, and count that once', async () => {
    const broker = await start({ SHUTDOWN_DELAY_SECONDS: '600' });
    for (const pid of [...workerPids(broker), broker.process.pid ?? 0]) process.kill(pid, 'SIGINT');
    await until(async () => (await fetch(`${broker.url}/health/ready`)).status === 503);
    expect(broker.process.exitCode).toBeNull();
    expect(await broker.end('SIGINT')).toBe(0);
  });

  onLinux('end when their supervisor is killed', async () => {
    const broker = await start();
    const pids = workerPids(broker);
    await broker.end('SIGKILL');
    await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
  });

  test('allow no more calls together than the rate limit', async () => {
    const broker = await start({ SERVICE_RATE_LIMIT: '20' });
    const connections = connect(broker, 4);
    const statuses: number[] = [];
    for (let call = 0; call < 60; call++) {
      statuses.push((await (connections[call % 4] as Connection).ask('/users/alice/grants')).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(40);
    await Promise.all(connections.map((connection) => connection.close()));
    await broker.end('SIGTERM');
  });
});

test.each([
  ['one process', '1', 1],
  ['two workers', '2', 2],
] as const)(
  '/metrics of %s answers within a second while a table of the database does not',
  async (_, workers, processes) => {
    const broker = await fleet.add({ WORKERS: workers, CACHE_MAX_AGE_SECONDS: '1' });
    await until(async () => buildsIn(await metrics(broker)) === processes);
    await database.query('BEGIN');
    try {
      await database.query('LOCK TABLE webhooks IN ACCESS EXCLUSIVE MODE');
      await pause(1500);
      for (let scrape = 0; scrape < 3; scrape++) {
        const startedAt = performance.now();
        const text = await metrics(broker);
        expect({ builds: buildsIn(text), isFast: performance.now() - startedAt < 1000 }).toEqual({
          builds: processes,
          isFast: true,
        });
        expect(text).not.toContain('token_broker_webhook_receivers{');
      }
    } finally {
      await database.query('ROLLBACK');
    }
    await until(async () => (await metrics(broker)).includes('token_broker_webhook_receivers{'));
    await broker.end('SIGTERM');
  },
);

const buildsIn = (text: string) => text.split('\ntoken_broker_build_info{').length - 1;

test('two workers let a browser on one connection make the requests of a connect, with a low BROWSER_RATE_LIMIT', async () => {
  const broker = await start({ BROWSER_RATE_LIMIT: '4' });
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  const statuses: number[] = [];
  for (const path of ['/connect', '/connect', '/callback', '/connect/result', '/me/grants']) {
    const { statusCode, body } = await request(`${broker.url}${path}`, { dispatcher });
    await body.dump();
    statuses.push(statusCode);
  }
  await dispatcher.close();
  expect(statuses.map((status) => status === 429)).toEqual([false, false, false, false, true]);
  // False credentials have no least share.
  const one = new Agent({ connections: 1, pipelining: 1 });
  const refused: number[] = [];
  for (let call = 0; call < 4; call++) {
    const headers = { authorization: 'Bearer tbk_false' };
    const { statusCode, body } = await request(`${broker.url}/tokens/alice`, { headers, dispatcher: one });
    await body.dump();
    refused.push(statusCode);
  }
  await one.close();
  expect(refused).toEqual([401, 401, 429, 429]);
  await broker.end('SIGTERM');
});

describe('a fault of the configuration', () => {
  let taken: Server;
  beforeAll(async () => {
    taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
  });
  afterAll(() => {
    taken.close();
  });

  test.each([
    ['is reported by the supervisor', { BROWSER_RATE_LIMIT: '-1' }, 'BROWSER_RATE_LIMIT'],
    ['is a number of workers that is none', { WORKERS: 'all' }, 'WORKERS must be'],
    ['is a port that is taken', {}, 'HOST and PORT: the broker cannot listen there (EADDRINUSE)'],
  ])('%s, once, and ends all with 78', async (_, settings, message) => {
    const env = {
      ...fleet.settings,
      WORKERS: '3',
      PORT: String((taken.address() as AddressInfo).port),
      ...settings,
    };
    const broker = spawn(process.execPath, [resolve('dist/bundle/main.js')], {
      cwd: emptyFolder(),
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    broker.stderr.on('data', (chunk) => (errors += String(chunk)));
    // `close`: no process has the pipe any more.
    expect(await once(broker, 'close')).toEqual([78, null]);
    expect(errors.split(message)).toHaveLength(2);
    expect(errors.split('See docs/configuration.md')).toHaveLength(2);
  });

  onLinux('that a replaced worker finds ends all with 78', async () => {
    const issuers = `${emptyFolder()}/issuers.json`;
    const issuer = { issuer: 'https://issuer.example.com', audience: 'broker' };
    writeFileSync(issuers, JSON.stringify([issuer]));
    const broker = await start({ SERVICE_ISSUERS_FILE: issuers });
    writeFileSync(issuers, '{');
    const exit = once(broker.process, 'exit');
    process.kill(workerPids(broker)[0] ?? 0, 'SIGKILL');
    expect(await exit).toEqual([78, null]);
    expect(broker.log().split('SERVICE_ISSUERS_FILE')).toHaveLength(2);
  });
});

onLinux(
  'an outage of the KMS does not stop workers that run, and one that was killed is back after it',
  async () => {
    const kms = await startKms();
    const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = kms.env['GOOGLE_APPLICATION_CREDENTIALS'];
    try {
      const ring = readFileSync(fleet.settings['KEY_RING_FILE'] ?? '', 'utf8');
      const path = `${emptyFolder()}/key-ring.json`;
      const access = { googleStandInUrl: kms.url, googleTimeoutMs: 2000 };
      writeFileSync(path, (await wrapRing(ring, kms.key, access)).content, { mode: 0o600 });
      const broker = await start({ ...kms.env, KEY_RING_FILE: path, KEY_RING_KMS_KEY: kms.key });
      await seedGrants(fleet, inEachForm(database), ['outage'], 3000);
      kms.failNext('unavailable', 10_000);
      process.kill(workerPids(broker)[1] ?? 0, 'SIGKILL');
      await until(() => broker.log().includes('Google Cloud KMS is unavailable'));
      await until(() => broker.log().includes('"exit_code":69'), 60_000);
      for (let call = 0; call < 3; call++) {
        const [connection] = connect(broker, 1) as [Connection];
        expect((await connection.ask('/tokens/outage')).status).toBe(200);
        await connection.close();
      }
      kms.failNext('unavailable', 0);
      await untilUp(broker, 2);
      expect(await broker.end('SIGTERM')).toBe(0);
    } finally {
      if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
      await kms.close();
    }
  },
  120_000,
);

onLinux('one process alone has no supervisor, and no label for it', async () => {
  const broker = await fleet.add();
  expect(workerPids(broker)).toEqual([]);
  expect(await metrics(broker)).not.toMatch(/[{,]worker=/);
  expect(await broker.end('SIGTERM')).toBe(0);
});
