/** The command line: its output and its exit code, in this process or, as a shell runs it, in one of its own. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Logger, type LoggerService } from '@nestjs/common';
import pg from 'pg';

// Compiled: it finds package.json by its own path.
const { run } = (await import(resolve('dist/src/cli/run.js'))) as typeof import('../../src/cli/run.js');

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
  /** What it has printed so far. */
  readonly printed: () => Omit<Run, 'code'>;
  /** Writes to its standard input, where that stays open. */
  readonly type: (text: string) => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Reads no more of it, as `head` after its last line. */
  readonly closePipe: (name: 'stdout' | 'stderr') => void;
}

/** One after the other: a command has the environment, the working directory and the output of the process. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Runs a command in this process, which saves the start of another one. For what needs a process, such as signals,
 * standard input, two commands at once or a variable that Node.js reads at its start, there is `startTokenBroker`.
 */
export function tokenBroker(
  args: string[],
  env: Record<string, string> = {},
  cwd = emptyFolder(),
): Promise<Run> {
  // Prisma's schema engine does not survive a migration that fails.
  if (args[0] === 'migrate') return startTokenBroker(args, env, cwd).finished;
  return tokenBrokerHere(args, env, cwd);
}

/** In this process even where it is `migrate`, for what fails before it migrates. */
export function tokenBrokerHere(
  args: string[],
  env: Record<string, string> = {},
  cwd = emptyFolder(),
): Promise<Run> {
  const run = turn.then(() => runHere(args, env, cwd));
  turn = run.catch(() => undefined);
  return run;
}

async function runHere(args: string[], env: Record<string, string>, cwd: string): Promise<Run> {
  const { stdout, stderr, env: ownEnv } = process;
  const ownCwd = process.cwd();
  // A command turns Nest's log off, for the whole process.
  const log: unknown = Reflect.get(Logger, 'staticInstanceRef');
  const written = { out: '', err: '' };
  const restore = [
    capture(stdout, (text) => (written.out += text)),
    capture(stderr, (text) => (written.err += text)),
  ];
  process.env = { ...env };
  process.chdir(cwd);
  try {
    const code = await run(args);
    return { code, stdout: written.out, stderr: written.err };
  } finally {
    process.exitCode = undefined;
    Logger.overrideLogger(log as LoggerService);
    process.chdir(ownCwd);
    process.env = ownEnv;
    for (const each of restore) each();
  }
}

/** @returns what gives the stream back its own `write` */
function capture(stream: NodeJS.WriteStream, take: (text: string) => void): () => void {
  const write = stream.write.bind(stream);
  stream.write = (text) => {
    take(text.toString());
    return true;
  };
  return () => {
    stream.write = write;
  };
}

/** @param input its standard input; null: it stays open */
export function startTokenBroker(
  args: string[],
  env: Record<string, string> = {},
  cwd = emptyFolder(),
  input: string | Uint8Array | null = '',
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
  if (input !== null) child.stdin.end(input);
  const finished = new Promise<Run>((done) => {
    child.once('close', (code) => {
      shown.reject(new Error(`It ended without showing a URL: ${stderr}`));
      done({ code, stdout, stderr });
    });
  });
  const printed = () => ({ stdout, stderr });
  const type = (text: string) => void child.stdin.write(text);
  return {
    shown: shown.promise,
    finished,
    printed,
    type,
    kill: (signal) => child.kill(signal),
    closePipe: (name) => child[name].destroy(),
  };
}

/** Runs with --json and reads the answer, or the failure when there is one. */
export async function asJson(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await tokenBroker([...args, '--json'], env);
  const parse = (text: string) => (text === '' ? null : (JSON.parse(text) as Record<string, unknown>));
  return { code, output: parse(stdout), failure: parse(stderr) };
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
