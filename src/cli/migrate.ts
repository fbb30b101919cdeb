import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { databaseFault } from '../token-store/database-fault.js';
import { EXIT, Failure, faultyConfiguration } from './failure.js';
import { answers, type Answer } from './print.js';
import { readTextFile } from '../config/text-file.js';

/** As seen from dist/bundle/cli/, in a checkout and in the container image alike. */
const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

const EXAMPLES = `
Examples:
  token-broker migrate
  DATABASE_URL=postgresql://broker:...@db.example.com/broker token-broker migrate

Needs DATABASE_URL or DATABASE_URL_FILE and no other setting. Run it before a new version of the broker starts;
running it again is safe. \`prisma migrate deploy\` does the same.`;

export function migrate(): Command {
  return new Command('migrate')
    .description('Bring the database to the newest schema')
    .addHelpText('after', EXAMPLES)
    .action(answers(apply));
}

async function apply(): Promise<Answer> {
  const url = databaseUrl(process.env);
  const store = await import('../token-store/migrate.js');
  const applied = await store.migrate(url, MIGRATIONS).catch((error: unknown) => {
    if (databaseFault(error) || !(error instanceof Error)) throw error;
    // The engine explains itself; where in its WebAssembly it stopped helps nobody.
    throw new Failure(
      EXIT.refused,
      'migration_failed',
      `The database was not migrated.\n${error.message.trim()}`,
    );
  });
  const list = applied.map((name) => `  ${name}`).join('\n');
  return {
    text:
      applied.length > 0 ? `Applied ${applied.length} migration(s):\n${list}` : 'The database is up to date.',
    json: { applied },
  };
}

function databaseUrl(env: NodeJS.ProcessEnv): string {
  const file = env['DATABASE_URL_FILE'];
  let url = env['DATABASE_URL'];
  try {
    if (file) url = readTextFile(file).trim();
  } catch {
    throw faultyConfiguration(['DATABASE_URL_FILE names a file that cannot be read']);
  }
  if (!url) throw faultyConfiguration(['DATABASE_URL is not set']);
  if (!/^postgres(ql)?:\/\/\S+$/.test(url))
    throw faultyConfiguration(['DATABASE_URL must be a postgresql:// URL']);
  return url;
}
