/** The trial mode as a user runs it: its own process, found by its output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../../sandbox/trial/postgres.js';
import { Browser } from '../support/api.js';
import { until } from '../support/until.js';

export const VIEWS = 'https://www.googleapis.com/auth/yt-analytics.readonly';
export const ALICE = 'alice@example.com';
/** Creating a database takes two seconds, and far more on a busy machine. */
export const TIMEOUT_MS = 60_000;

/** A .env file of the developer must not configure anything. */
const NOT_CONFIGURED = {
  DATABASE_URL: '',
  DATABASE_URL_FILE: '',
  KEY_RING_FILE: '',
  GOOGLE_CLIENT_SECRETS: '',
  GOOGLE_STAND_IN_URL: '',
  PUBLIC_URL: '',
  RETURN_TO_ORIGINS: '',
  LOG_LEVEL: '',
  LOG_FORMAT: '',
  CONSOLE_OPERATORS: '',
  CONSOLE_VIEWERS: '',
};

const children = new Set<ChildProcess>();

export type BrokerOptions = Readonly<Record<string, string>>;

export async function options(dataFolder: string): Promise<BrokerOptions> {
  const [broker, standIn, sampleApp] = [await freePort(), await freePort(), await freePort()].map(String);
  return {
    ...NOT_CONFIGURED,
    TRIAL_DATA_DIR: dataFolder,
    PORT: broker ?? '',
    STAND_IN_PORT: standIn ?? '',
    SAMPLE_APP_PORT: sampleApp ?? '',
  };
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a script to its end. */
export async function run(script: string, args: readonly string[], env: BrokerOptions): Promise<Ended> {
  return begin(script, args, env).end;
}

/** Starts the trial mode and waits until it shows what to open. */
export async function startTrial(env: BrokerOptions): Promise<{ output: string; stop(): Promise<Ended> }> {
  const { child, output } = begin('scripts/start.mjs', [], env);
  const ended = once(child, 'close') as Promise<[number | null]>;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (output().includes('Stop with Ctrl-C')) resolve();
    });
    void ended.then(() => {
      reject(new Error(`The trial mode did not start:\n${output()}`));
    });
  });
  return {
    output: output(),
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await ended;
      return { code, output: output() };
    },
  };
}

/** @returns the answer that leads back to the sample app */
export async function connectInSampleApp(app: string) {
  const link = await fetch(new URL('/connect', app), {
    method: 'POST',
    body: new URLSearchParams({ user: 'alice', scope: VIEWS }),
    headers: { origin: app },
    redirect: 'manual',
  });
  return new Browser().connect(link.headers.get('location') ?? '', { account: ALICE });
}

/** Stops processes of a failed test. */
export async function stopAll(): Promise<void> {
  await Promise.all(
    [...children].map((child) => {
      child.kill('SIGTERM');
      return once(child, 'close');
    }),
  );
}

/** Starts a script. @returns its end, and what waits until it printed something */
export function begin(script: string, args: readonly string[], env: BrokerOptions) {
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env } });
  children.add(child);
  child.once('close', () => children.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const end = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, output }));
  const said = async (pattern: RegExp): Promise<readonly string[]> => {
    await until(() => pattern.test(output));
    return pattern.exec(output) ?? [];
  };
  return { child, output: () => output, end, said };
}
