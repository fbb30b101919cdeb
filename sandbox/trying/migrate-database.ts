import { fileURLToPath } from 'node:url';
import { databaseFault } from '../../src/token-store/database-fault.js';
import { migrate } from '../../src/token-store/migrate.js';
import { TryingFault } from './fault.js';

/** As seen from dist/sandbox/trying/. */
const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** @throws {TryingFault} when the database does not answer, or cannot be brought to the newest schema */
export async function migrateDatabase(url: string): Promise<void> {
  try {
    await migrate(url, MIGRATIONS);
  } catch (error) {
    const fault = databaseFault(error);
    if (fault) throw new TryingFault(`${fault.message} Without DATABASE_URL you get an embedded one.`);
    throw new TryingFault(
      `The database was not migrated.\n${error instanceof Error ? error.message.trim() : ''}`,
    );
  }
}
