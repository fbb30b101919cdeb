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
  token-broker migrate --grant-runtime token_broker
  DATABASE_URL=postgresql://broker:...@db.example.com/broker token-broker migrate

With --grant-runtime it is run by the owner of the tables, and the broker by that other role: docs/configuration.md. Give
it with each migrate. AUDIT_RETENTION_DAYS, where it is set, is written down for the database: it deletes no younger event.

Needs DATABASE_URL or DATABASE_URL_FILE and no other setting. Run it before a new version of the broker starts;
running it again is safe. \`prisma migrate deploy\` does the same.`;

interface Options {
  readonly grantRuntime?: string;
}

export function migrate(): Command {
  return new Command('migrate')
    .description('Bring the database to the newest schema')
    .option('--grant-runtime <role>', 'give the role that the broker runs as what it needs, and no more')
    .addHelpText('after', EXAMPLES)
    .action(answers(apply));
}

async function apply({ grantRuntime: role }: Options): Promise<Answer> {
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
  const days = auditRetention(process.env);
  const { grantRuntime, setAuditRetention, UnfitRole } = await import('../token-store/grant-runtime.js');
  if (days !== null) await setAuditRetention(url, days);
  if (role !== undefined) {
    await grantRuntime(url, role).catch((error: unknown) => {
      if (error instanceof UnfitRole) throw new Failure(EXIT.refused, 'role_unfit', error.message);
      throw error;
    });
  }
  const list = applied.map((name) => `  ${name}`).join('\n');
  return {
    text: [
      applied.length > 0 ? `Applied ${applied.length} migration(s):\n${list}` : 'The database is up to date.',
      ...(role === undefined ? [] : [`The role ${role} may read and write rows, and nothing else.`]),
    ].join('\n'),
    json: { applied, ...(role === undefined ? {} : { granted_to: role }) },
  };
}

/** The setting of the broker, so that the database keeps events as long as the broker shall. */
function auditRetention(env: NodeJS.ProcessEnv): number | null {
  const text = env['AUDIT_RETENTION_DAYS'];
  if (!text) return null;
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 1_000_000) {
    throw faultyConfiguration(['AUDIT_RETENTION_DAYS must be a whole number of days']);
  }
  return days;
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
