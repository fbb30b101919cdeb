import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../sandbox/trying/postgres.js';
import { postgresUser } from '../../sandbox/trying/postgres-place.js';

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((path) => existsSync(path));

export const hasPgBouncer = PROGRAM !== undefined;

export interface PgBouncer {
  /** As the URL it was started with, but through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts Debian's PgBouncer before a database. @param mode how long a client keeps its server connection */
export async function startPgBouncer(
  databaseUrl: string,
  mode: 'session' | 'transaction',
): Promise<PgBouncer> {
  const target = new URL(databaseUrl);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-pgbouncer-'));
  const database = target.pathname.slice(1);
  const configuration = join(folder, 'pgbouncer.ini');
  writeFileSync(
    configuration,
    `[databases]
${database} = host=${target.hostname} port=${target.port} user=${target.username} password=${decodeURIComponent(target.password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
max_client_conn = 200
default_pool_size = 50
ignore_startup_parameters = extra_float_digits,options,statement_timeout,lock_timeout,idle_in_transaction_session_timeout
`,
  );
  // It refuses to run as root, as PostgreSQL does.
  const runsAs = postgresUser();
  if (runsAs) {
    chmodSync(folder, 0o755);
    chownSync(configuration, runsAs.uid, runsAs.gid);
  }
  const child = spawn(PROGRAM ?? '', ['-q', configuration], { ...runsAs, stdio: 'ignore' });
  const exit = once(child, 'exit');
  const url = new URL(databaseUrl);
  url.port = String(port);
  await untilOpen(url.href);
  return {
    url: url.href,
    stop: async () => {
      child.kill('SIGKILL');
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilOpen(connectionString: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client({ connectionString });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
