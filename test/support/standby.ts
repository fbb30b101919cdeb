import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, startPostgres, type RunningPostgres } from '../../sandbox/trial/postgres.js';
import { until } from './until.js';

interface Primary {
  readonly postgres: RunningPostgres;
  readonly folder: string;
  readonly password: string;
}

export interface Standby {
  readonly port: number;
  /** Makes it a primary beside the old one, once all that is there has come. @returns the server */
  promote(): Promise<RunningPostgres>;
  /** The same with what has come so far: the old one may be gone. */
  promoteNow(): Promise<RunningPostgres>;
}

/** What it is called in synchronous_standby_names. */
export const STANDBY_NAME = 'standby';

/**
 * A streaming standby of a running server: a copy in backup mode, as
 * https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP describes.
 * @param replicationPort where it reaches the primary: a proxy that a test can cut
 */
export async function startStandby(
  primary: Primary,
  folder: string,
  replicationPort = primary.postgres.port,
): Promise<Standby> {
  const client = new pg.Client({ connectionString: primary.postgres.url('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SELECT pg_backup_start('standby', true)`);
  execFileSync('cp', ['-a', primary.folder, folder]);
  rmSync(join(folder, 'postmaster.pid'), { force: true });
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  writeFileSync(join(folder, 'backup_label'), rows[0]?.labelfile ?? '');
  writeFileSync(join(folder, 'standby.signal'), '');
  execFileSync('chown', [
    '--reference',
    join(folder, 'PG_VERSION'),
    '--',
    join(folder, 'backup_label'),
    join(folder, 'standby.signal'),
  ]);
  const port = await freePort();
  const { password, postgres } = primary;
  // It is ready for writing, which this waits for, when it was promoted.
  const started = startPostgres({
    folder,
    password,
    port,
    flags: [
      '-c',
      'fsync=off',
      '-c',
      `primary_conninfo=host=127.0.0.1 port=${replicationPort} user=broker password=${password} application_name=${STANDBY_NAME}`,
      '-c',
      'wal_retrieve_retry_interval=100ms',
    ],
  });
  started.catch(() => undefined);
  const standby = await openRetrying(postgres.url('postgres').replace(`:${postgres.port}/`, `:${port}/`));
  const promoteNow = async () => {
    await standby.query('SELECT pg_promote()');
    await Promise.all([client.end().catch(() => undefined), standby.end()]);
    return started;
  };
  return {
    port,
    promoteNow,
    promote: async () => {
      const sent = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
      const arrived = async () =>
        (
          await standby.query<{ here: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS here', [
            sent.rows[0]?.lsn,
          ])
        ).rows[0]?.here === true;
      await until(arrived);
      return promoteNow();
    },
  };
}

/** Opens a connection to a server that is starting. */
export async function openRetrying(connectionString: string): Promise<pg.Client> {
  let client = new pg.Client({ connectionString });
  let failure = '';
  const isOpen = async () => {
    client = new pg.Client({ connectionString });
    client.on('error', () => undefined);
    return client.connect().then(
      () => true,
      (error: unknown) => {
        failure = String(error);
        return false;
      },
    );
  };
  await until(isOpen, 20_000, () => failure);
  return client;
}
