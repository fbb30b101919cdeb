/**
 * Several brokers, each its own process, on one database and one stand-in for Google, for tests of replicas and the
 * benchmark. Owns the processes and their settings; the caller owns the database and its content (seed.ts fills it).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { compiled } from '../compiled.js';
import { startStandIn, type StandIn } from '../google/stand-in.js';
import { freePort } from '../trial/postgres.js';

/** As in the container image. */
export const NODE_FLAGS = ['--max-semi-space-size=64', '--heap-growing-percent=100', '--expose-gc'];
const MALLOC = { MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_ARENA_MAX: '8' };
const READY_MS = 60_000;

export const CLIENT_ID = 'fleet-client';

export interface Replica {
  readonly url: string;
  readonly process: ChildProcess;
  /** Milliseconds from the start of the process until it was ready. */
  readonly readyAfterMs: number;
  /** Its log so far. */
  log(): string;
  /** Ends it and waits. @returns its exit code; null when the signal killed it */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface Fleet {
  readonly replicas: readonly Replica[];
  readonly google: StandIn;
  readonly settings: Readonly<Record<string, string>>;
  /** One more; the first ones are started with the fleet. */
  add(settings?: Readonly<Record<string, string>>): Promise<Replica>;
  stop(): Promise<void>;
}

export async function startFleet(
  databaseUrl: string,
  size: number,
  overrides: Readonly<Record<string, string>> = {},
): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-fleet-'));
  const file = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  // Browsers reach the first one; the others share its public address.
  const firstPort = await freePort();
  const publicUrl = `http://127.0.0.1:${firstPort}`;
  const google = await startStandIn({
    clients: [
      {
        clientId: CLIENT_ID,
        projectId: 'fleet',
        clientSecret: `GOCSPX-${randomUUID()}`,
        kind: 'web',
        redirectUris: [`${publicUrl}/callback`],
      },
    ],
    accounts: [
      { sub: '103400000000000000001', email: 'alice@example.com', name: 'Alice Example' },
      { sub: '103400000000000000002', email: 'bob@example.com', name: 'Bob Example' },
    ],
  });
  const settings = {
    NODE_ENV: 'test',
    PUBLIC_URL: publicUrl,
    DATABASE_URL: databaseUrl,
    KEY_RING_FILE: file('key-ring.json', generateKeyRing(new Date())),
    GOOGLE_CLIENT_SECRETS: file('client.json', JSON.stringify(google.clientSecretJson(CLIENT_ID))),
    GOOGLE_STAND_IN_URL: google.url,
    SERVICE_RATE_LIMIT: '100000000',
    LOG_LEVEL: 'warn',
    ...overrides,
  };
  const replicas: Replica[] = [];
  const add = async (more: Readonly<Record<string, string>> = {}) => {
    const all = { PORT: String(await freePort()), ...settings, ...more };
    const replica = await startReplica(all, join(folder, `${all.PORT}.log`));
    replicas.push(replica);
    return replica;
  };
  await add({ PORT: String(firstPort) });
  await Promise.all(Array.from({ length: size - 1 }, () => add()));
  return {
    replicas,
    google,
    settings,
    add,
    stop: async () => {
      await Promise.all(replicas.map((replica) => replica.end('SIGTERM')));
      await google.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startReplica(settings: Readonly<Record<string, string>>, logFile: string): Promise<Replica> {
  const url = `http://127.0.0.1:${settings['PORT'] ?? ''}`;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, compiled('bundle/main.js')], {
    // An empty folder has no .env.
    cwd: tmpdir(),
    env: { ...MALLOC, ...settings },
    // To a file: reading a busy broker's log would slow down the process that measures it.
    stdio: ['ignore', openSync(logFile, 'a'), openSync(logFile, 'a')],
  });
  const log = () => readFileSync(logFile, 'utf8').slice(-100_000);
  await untilReady(url, child, log);
  return {
    url,
    process: child,
    readyAfterMs: performance.now() - startedAt,
    log,
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code] = (await exit) as [number | null];
      return code;
    },
  };
}

async function untilReady(url: string, child: ChildProcess, log: () => string): Promise<void> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline;) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok) return;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(`The broker did not become ready:\n${log()}`);
}
