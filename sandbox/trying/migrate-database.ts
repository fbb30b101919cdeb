import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/token-store/migrate.js';
import { systemCode, TryingFault } from './fault.js';

/** As seen from dist/sandbox/trying/. */
const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** @throws {TryingFault} when the database does not answer */
export async function migrateDatabase(url: string): Promise<void> {
  try {
    await migrate(url, MIGRATIONS);
  } catch (error) {
    const why = error instanceof Error ? error.message.trim() || systemCode(error) : undefined;
    throw new TryingFault(
      `The database could not be used: ${why ?? 'no reason given'}\n` +
        'Mend DATABASE_URL, or leave it out to get an embedded database.',
    );
  }
}
