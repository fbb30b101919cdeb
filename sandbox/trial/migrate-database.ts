import pg from 'pg';
import { fileURLToPath } from 'node:url';
import { databaseFault } from '../../src/token-store/client/database-error.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { TrialFault } from './fault.js';

/** As seen from dist/sandbox/trial/. */
const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** @throws {TrialFault} when the database does not answer, or cannot be brought to the newest schema */
export async function migrateDatabase(url: string): Promise<void> {
  try {
    await migrate(url, MIGRATIONS);
  } catch (error) {
    const fault = databaseFault(error);
    if (fault) throw new TrialFault(`${fault.message} Without DATABASE_URL you get an embedded one.`);
    throw new TrialFault(
      `The database was not migrated.\n${error instanceof Error ? error.message.trim() : ''}`,
    );
  }
  await assertSigned(url);
}

/** Such data could not be opened; every call would fail. */
async function assertSigned(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM services WHERE mac IS NULL LIMIT 1');
    if (!rowCount) return;
  } finally {
    await client.end();
  }
  throw new TrialFault(
    'The data is of an older version, whose services carry no MAC and whose tokens do not open any more. To begin again, ' +
      'stop and remove the data folder (data/trial, or TRIAL_DATA_DIR). In a database of your own, `npm run token-broker -- keys ' +
      'reseal --adopt` keeps the services; users connect again.',
  );
}
