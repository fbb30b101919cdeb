import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { readTextFile } from '../config/configuration-files.js';
import { BROKER_SETTINGS } from '../config/definitions/broker.js';
import { Secret } from '../domain/secret.js';
import type { AddressSource } from '../token-store/client/address-source.js';
import { type CommandResult, printResult } from './shared/command-result.js';
import { EXIT, Failure, faultyConfiguration } from './shared/failure.js';

/** As seen from dist/bundle/cli/, in a checkout and in the container image alike. */
const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

const WAIT_SECONDS = 60;

const EXAMPLES = `
Examples:
  token-broker migrate
  token-broker migrate --grant-runtime token_broker
  token-broker migrate --wait 300
  token-broker migrate --distribute
  DATABASE_URL=postgresql://broker:...@db.example.com/broker \\
    token-broker migrate

With --distribute the tables of a Citus database are distributed over its
servers, by user: docs/citus.md. Stop the brokers first. It can be interrupted
and run again. From then on migrate without it does what is new there, too.

With --grant-runtime the owner of the tables runs this command, and the broker
runs as that other role: docs/configuration.md. Pass it with each migrate.
AUDIT_RETENTION_DAYS is stored in the database, which then refuses to delete
younger events; 400 days where it was never set.

Needs DATABASE_URL or DATABASE_URL_FILE and no other setting; behind a pooler,
DATABASE_DIRECT_URL (or DATABASE_DIRECT_URL_FILE) past it is used instead. Run
it before a new version of the broker starts; running it again is safe. Sessions
that block it are named on standard error. \`prisma migrate deploy\` does the
same, without giving way.`;

interface Options {
  readonly wait: number;
  readonly grantRuntime?: string;
  readonly distribute?: boolean;
}

export function migrate(): Command {
  return new Command('migrate')
    .description('Bring the database to the newest schema')
    .option('--grant-runtime <role>', 'grant the role that the broker runs as what it needs, and no more')
    .option('--distribute', 'distribute the tables over the servers of a Citus database, by user')
    .option('--wait <seconds>', 'how long to wait for other sessions in all', seconds, WAIT_SECONDS)
    .addHelpText('after', EXAMPLES)
    .action(printResult(apply));
}

function seconds(value: string): number {
  const number = Number(value);
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('It is not a number of seconds.');
  return number;
}

async function apply(
  { wait, grantRuntime: role, distribute = false }: Options,
  command: Command,
): Promise<CommandResult> {
  const source = await addressOf(process.env);
  const days = auditRetention(process.env);
  const [store, { DatabaseBusy }, { databaseFault }, { NotDistributable }, { StatementFailed }] =
    await Promise.all([
      import('../token-store/migrations/migrate.js'),
      import('../token-store/migrations/lock-wait.js'),
      import('../token-store/client/database-error.js'),
      import('../token-store/distributed/own-session.js'),
      import('../token-store/distributed/distributed-migration.js'),
    ]);
  // With --json, standard error is reserved for one JSON object, which names the blocking sessions as well.
  const asJson = command.optsWithGlobals<{ json?: true }>().json === true;
  const say = asJson ? () => undefined : (line: string) => process.stderr.write(`${line}\n`);
  const applied = await store
    .migrate(source, MIGRATIONS, { waitMs: wait * 1000, say, distribute })
    .catch((error: unknown) => {
      if (error instanceof NotDistributable)
        throw new Failure(EXIT.refused, 'not_distributable', error.message);
      if (error instanceof DatabaseBusy) throw new Failure(EXIT.unavailable, 'database_busy', error.message);
      const isExplained = error instanceof StatementFailed;
      if (!isExplained && (databaseFault(error) || !(error instanceof Error))) throw error;
      // The schema engine explains itself; a stack of its WebAssembly is of no use.
      throw new Failure(
        EXIT.refused,
        'migration_failed',
        `The database was not migrated.\n${error.message.trim()}`,
      );
    });
  const { grantPrivileges, setAuditRetention, UnfitRole } =
    await import('../token-store/migrations/runtime-privileges.js');
  if (days !== null) await setAuditRetention(source, days);
  if (role !== undefined) {
    await grantPrivileges(source, role).catch((error: unknown) => {
      if (error instanceof UnfitRole) throw new Failure(EXIT.refused, 'role_unfit', error.message);
      throw error;
    });
  }
  const list = applied.map((name) => `  ${name}`).join('\n');
  return {
    text: [
      applied.length > 0 ? `Applied ${applied.length} migration(s):\n${list}` : 'The database is up to date.',
      ...(distribute ? ['The tables are distributed over the servers of the cluster, by user.'] : []),
      ...(role === undefined ? [] : [`The role ${role} may read and write rows, and nothing else.`]),
    ].join('\n'),
    json: {
      applied,
      ...(distribute ? { distributed: true } : {}),
      ...(role === undefined ? {} : { granted_to: role }),
    },
  };
}

/** The broker's setting: the database keeps audit events as long as the broker does. Null where it is not set here. */
function auditRetention({ AUDIT_RETENTION_DAYS: text }: NodeJS.ProcessEnv): number | null {
  if (!text) return null;
  const { parse, faultOf } = BROKER_SETTINGS.AUDIT_RETENTION_DAYS;
  const days = parse(text);
  const fault = faultOf(days);
  if (fault !== null) throw faultyConfiguration([`AUDIT_RETENTION_DAYS ${fault}`]);
  return days as number;
}

async function addressOf(env: NodeJS.ProcessEnv): Promise<AddressSource> {
  const [{ AddressSource }, { DatabaseUrlFault }] = await Promise.all([
    import('../token-store/client/address-source.js'),
    import('../token-store/client/database-address.js'),
  ]);
  const name = ['DATABASE_DIRECT_URL', 'DATABASE_URL'].find((each) => env[each] || env[`${each}_FILE`]);
  if (name === undefined) throw faultyConfiguration(['DATABASE_URL is not set']);
  const file = env[`${name}_FILE`];
  let url = env[name];
  if (file && url) throw faultyConfiguration([`${name} and ${name}_FILE are both set: keep one`]);
  try {
    if (file) url = readTextFile(file).trim();
  } catch {
    throw faultyConfiguration([`${name}_FILE names a file that cannot be read`]);
  }
  if (!url) throw faultyConfiguration([`${name} is not set`]);
  try {
    return new AddressSource(new Secret(url), file || null);
  } catch (error) {
    if (error instanceof DatabaseUrlFault) throw faultyConfiguration([`${name} ${error.message}`]);
    throw error;
  }
}
