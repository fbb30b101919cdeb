/**
 * One embedded PostgreSQL and its supervisor process, which stops it when the parent says so or is gone, however the
 * parent ended: no database is left running. Owns nothing of what is stored in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolderFor, postgresUser, programsFor, type User } from './postgres-files.js';

export interface PostgresSettings {
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly flags: readonly string[];
}

export type PostgresReport = { readonly ready: true } | { readonly failed: string };

/** Connections; or, a standby, read-only ones. */
const READY = 'database system is ready to accept';
const LAST_LINES = 8;

let running: ChildProcess | undefined;

process.once('message', (settings: PostgresSettings) => {
  run(settings).catch((error: unknown) => {
    report({ failed: error instanceof Error ? error.message : 'PostgreSQL did not start.' });
    process.exitCode = 1;
    process.disconnect();
  });
});

process.once('disconnect', () => {
  if (running?.exitCode === null) running.once('exit', () => process.exit()).kill('SIGINT');
  else process.exit();
});

async function run({ folder, port, user, password, flags }: PostgresSettings): Promise<void> {
  const runsAs = postgresUser();
  const programs = programsFor(runsAs);
  const data = dataFolderFor(runsAs, folder);
  if (!existsSync(data)) await initialise(join(programs, 'initdb'), data, user, password, runsAs);
  const server = start(
    join(programs, 'postgres'),
    [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      ...flags,
    ],
    runsAs,
  );
  await server.says(READY);
  report({ ready: true });
  await server.ended;
  throw new Error(`PostgreSQL ended by itself:\n${server.lastLines()}`);
}

/** Under another name until it is complete: an interrupted start begins again. */
async function initialise(initdb: string, data: string, user: string, password: string, runsAs: User | null) {
  const unfinished = `${data}.unfinished`;
  const passwordFile = `${data}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (runsAs) for (const path of [unfinished, passwordFile]) chownSync(path, runsAs.uid, runsAs.gid);
  const { ended, lastLines } = start(
    initdb,
    [
      `--pgdata=${unfinished}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
    ],
    runsAs,
  );
  const code = await ended;
  rmSync(passwordFile, { force: true });
  if (code !== 0) throw new Error(`PostgreSQL could not make its data folder:\n${lastLines()}`);
  renameSync(unfinished, data);
}

function start(program: string, args: readonly string[], runsAs: User | null) {
  // Without this process's environment: it can hold secrets, and PG* variables would change what is started.
  const { PATH, TZ, SystemRoot } = process.env;
  const child = spawn(program, args, { ...runsAs, cwd: '/', env: { PATH, TZ, SystemRoot, LC_ALL: 'C' } });
  running = child;
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const lastLines = () => log.trim().split('\n').slice(-LAST_LINES).join('\n');
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const says = (words: string) =>
    new Promise<void>((resolve, reject) => {
      child.stderr.on('data', () => {
        if (log.includes(words)) resolve();
      });
      ended.then(() => {
        reject(new Error(lastLines()));
      }, reject);
    });
  return { ended, says, lastLines };
}

function report(message: PostgresReport): void {
  if (process.connected) process.send?.(message);
}
