/** The command line as a shell runs it: its own process, its output and its exit code. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';

const MAIN = resolve('dist/bundle/cli/main.js');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty folder to run in, so that no .env of the developer is read. */
export const emptyFolder = () => mkdtempSync(join(tmpdir(), 'token-broker-cli-'));

/** A command that runs while the test does something else. */
export interface Running {
  /** The URL that it shows, as soon as it does. */
  readonly shown: Promise<URL>;
  readonly finished: Promise<Run>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export function tokenBroker(
  args: string[],
  env: Record<string, string> = {},
  cwd = emptyFolder(),
): Promise<Run> {
  return startTokenBroker(args, env, cwd).finished;
}

/** @param input its standard input */
export function startTokenBroker(
  args: string[],
  env: Record<string, string> = {},
  cwd = emptyFolder(),
  input: string | Uint8Array = '',
): Running {
  // Not even PATH: what a command needs, its settings say. The compile cache only saves the tests' time.
  const withCache = { NODE_COMPILE_CACHE: resolve('node_modules/.cache/compile'), ...env };
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: withCache,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const shown = Promise.withResolvers<URL>();
  // Few tests look at it.
  shown.promise.catch(() => undefined);
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    const [url] = /https?:[^\s"]+(?=[\s"])/.exec(stderr) ?? [];
    if (url !== undefined && URL.canParse(url)) shown.resolve(new URL(url));
  });
  // A command that reads nothing may end before its input is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const finished = new Promise<Run>((done) => {
    child.once('close', (code) => {
      shown.reject(new Error(`It ended without showing a URL: ${stderr}`));
      done({ code, stdout, stderr });
    });
  });
  return { shown: shown.promise, finished, kill: (signal) => child.kill(signal) };
}

/** Runs with --json and reads the answer, or the failure when there is one. */
export async function asJson(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await tokenBroker([...args, '--json'], env);
  const parse = (text: string) => (text === '' ? null : (JSON.parse(text) as Record<string, unknown>));
  return { code, answer: parse(stdout), failure: parse(stderr) };
}

/** @returns the URL of a new database without a single table */
export async function emptyDatabase(): Promise<string> {
  const base = process.env['TEST_POSTGRES_URL'] ?? '';
  const name = `empty_${randomUUID().replaceAll('-', '')}`;
  await query(`${base}postgres`, `CREATE DATABASE ${name}`);
  return `${base}${name}`;
}

export async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
