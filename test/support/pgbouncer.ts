/** Debian's PgBouncer in front of the tests' PostgreSQL, with its defaults and one way of pooling. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { until } from './until.js';

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(existsSync);

export const hasPgBouncer = PROGRAM !== undefined;

/** Why tests with it are skipped, for their names; '' where it is installed. */
export const WITHOUT_PGBOUNCER = PROGRAM === undefined ? ' (skipped: pgbouncer is not installed)' : '';

export interface PgBouncer {
  /** The URL of a database through it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** @param target the URL of a database of the tests' PostgreSQL */
export async function startPgBouncer(
  target: string,
  mode: 'session' | 'transaction' | 'statement',
): Promise<PgBouncer> {
  if (PROGRAM === undefined) throw new Error('pgbouncer is not installed.');
  const { hostname, port, username, password, pathname } = new URL(target);
  const own = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-pgbouncer-'));
  chmodSync(folder, 0o755);
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const users = file('users.txt', `"${username}" "${decodeURIComponent(password)}"\n`);
  // A small pool: sessions of the server change hands all the time.
  const configuration = file(
    'pgbouncer.ini',
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_file = ${users}
pool_mode = ${mode}
${mode === 'transaction' ? 'default_pool_size = 4' : ''}
`,
  );
  // It refuses to run as root.
  const child = spawn(PROGRAM, [configuration], {
    ...postgresUser(),
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const isListening = () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start:\n${log}`);
    return isOpen(own);
  };
  await until(isListening, 20_000, () => log);
  const url = new URL(target);
  url.host = `127.0.0.1:${own}`;
  return {
    url: url.href,
    stop: async () => {
      const end = once(child, 'exit');
      if (child.exitCode === null) child.kill('SIGINT');
      if (child.exitCode === null) setTimeout(() => child.kill('SIGKILL'), 2000).unref();
      if (child.exitCode === null) await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
