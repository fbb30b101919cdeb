/**
 * An embedded PostgreSQL: start, the URL of a database on it, stop. postgres-process.ts runs it, postgres-files.ts finds
 * its programs and its data folder.
 */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { compiled } from '../compiled.js';
import type { PostgresReport, PostgresSettings } from './postgres-process.js';

export interface RunningPostgres {
  readonly port: number;
  /** The URL of a database on this server. */
  url(database: string): string;
  stop(): Promise<void>;
  /** Resolves when it ended, stopped or by itself. */
  readonly ended: Promise<void>;
}

export interface PostgresOptions {
  /** The data folder; the next start finds its data. */
  readonly folder: string;
  readonly password: string;
  /** Any free one where it is left out. */
  readonly port?: number;
  readonly flags?: readonly string[];
}

const USER = 'broker';

/**
 * Starts an embedded PostgreSQL on a free port of 127.0.0.1.
 * @throws when it does not start, with the last lines of its log
 */
export async function startPostgres({
  folder,
  password,
  port: wanted,
  flags = [],
}: PostgresOptions): Promise<RunningPostgres> {
  const port = wanted ?? (await freePort());
  // Detached: Ctrl-C reaches the whole terminal group, and the broker must finish before its database stops.
  const child = fork(compiled('sandbox/trial/postgres-process.js'), { detached: true });
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  const settings: PostgresSettings = { folder, port, user: USER, password, flags };
  child.send(settings);
  await new Promise<void>((resolve, reject) => {
    child.once('message', (report: PostgresReport) => {
      if ('ready' in report) resolve();
      else reject(new Error(report.failed));
    });
    child.once('exit', (code) => {
      reject(new Error(`PostgreSQL ended before it was ready (exit code ${code ?? 'none'}).`));
    });
  });
  return {
    port,
    url: (database) => `postgresql://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
    ended,
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Below those that systems give to outgoing connections: one of these could take the port before it is listened to. */
const PORTS = [20_000, 32_768] as const;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
        else reject(error);
      });
      server.listen(port, '127.0.0.1', () => {
        resolve(true);
      });
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
