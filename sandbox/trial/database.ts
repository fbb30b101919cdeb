import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DataFolder } from './data-folder.js';
import { systemCode, TrialFault } from './fault.js';
import { startPostgres, type RunningPostgres } from './postgres.js';

const NAME = 'token_broker';

export interface OwnDatabase {
  readonly url: string;
  readonly ended: Promise<void>;
}

/**
 * Starts an embedded PostgreSQL on the data folder, and creates its database the first time.
 * @throws {TrialFault} when another one runs there, or the data does not fit its password
 */
export async function startDatabase(folder: DataFolder, running: AsyncDisposableStack): Promise<OwnDatabase> {
  const password = folder.keep('postgres-password', () => randomBytes(24).toString('base64url'));
  const postgres = await start(folder, password);
  running.defer(() => postgres.stop());
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  try {
    await client.connect();
    await client.query(`CREATE DATABASE ${NAME}`);
  } catch (error) {
    // 42P04: it exists already. https://www.postgresql.org/docs/current/errcodes-appendix.html
    if (systemCode(error) !== '42P04') {
      throw new TrialFault(
        `The database in ${folder.shown} does not let us in (${systemCode(error) ?? 'unknown'}). ` +
          `Put postgres-password back as it was, or remove ${folder.shown} to start over.`,
      );
    }
  } finally {
    await client.end();
  }
  return { url: postgres.url(NAME), ended: postgres.ended };
}

async function start(folder: DataFolder, password: string): Promise<RunningPostgres> {
  try {
    return await startPostgres({ folder: folder.file('postgres'), password });
  } catch (error) {
    const log = error instanceof Error ? error.message : '';
    const [, other] = /lock file "postmaster\.pid" already exists[^]*?PID (\d+)/.exec(log) ?? [];
    if (other !== undefined) {
      throw new TrialFault(
        `A database runs on ${folder.shown} already, as process ${other}. Stop the other npm start (or that process), ` +
          'or choose another folder: TRIAL_DATA_DIR=/path/to/folder npm start',
      );
    }
    throw new TrialFault(`${log}\nTo start over, remove ${folder.shown}.`);
  }
}
