import { Command } from 'commander';
import { loadEnvFile } from '../config/configuration-files.js';
import { readVersion } from '../version.js';
import { apply } from './apply/apply.js';
import { exportDeclaration } from './apply/export.js';
import { audit } from './audit/audit.js';
import { clientConfig } from './ads-credentials/client-config.js';
import { generateUserCredentials } from './ads-credentials/generate-user-credentials.js';
import { clientCheck } from './client/check.js';
import { clientList } from './client/list.js';
import { consoleSignOut } from './console/sign-out.js';
import { credentialCreate } from './credential/create.js';
import { credentialList } from './credential/list.js';
import { credentialRevoke } from './credential/revoke.js';
import { grantDisconnect } from './grant/disconnect.js';
import { grantImport } from './grant/import.js';
import { grantList } from './grant/list.js';
import { grantShow } from './grant/show.js';
import { keysGenerate } from './keys/generate.js';
import { keysReseal } from './keys/reseal.js';
import { keysRewrap } from './keys/rewrap.js';
import { credentialsFile } from './libraries/credentials-file.js';
import { sidecar } from './libraries/sidecar/sidecar.js';
import { migrate } from './migrate.js';
import { riscConfigure } from './risc/configure.js';
import { riscStatus } from './risc/status.js';
import { riscVerify } from './risc/verify.js';
import { serviceAccountAdd } from './service-account/add.js';
import { serviceAccountList } from './service-account/list.js';
import { serviceAccountRemove } from './service-account/remove.js';
import { serviceCreate } from './service/create.js';
import { serviceList } from './service/list.js';
import { serviceRevoke } from './service/revoke.js';
import { serviceUpdate } from './service/update.js';
import { wrongUsage } from './shared/failure.js';
import { ticketCreate } from './ticket/create.js';
import { ticketShow } from './ticket/show.js';
import { userOffboard } from './user/offboard.js';
import { webhookDelete, webhookDisable, webhookEnable, webhookUpdate } from './webhook/update.js';
import { webhookCreate } from './webhook/create.js';
import { webhookEvents } from './webhook/events.js';
import { webhookList } from './webhook/list.js';
import { webhookReplay } from './webhook/replay.js';
import { webhookRotate } from './webhook/rotate.js';
import { webhookTest } from './webhook/test.js';

const EXIT_CODES = `
Exit codes:
  0   done
  1   unexpected fault, with a stack trace
  2   wrong usage
  3   refused: a name is taken, a key ring exists, Google refuses a client, a
      service account or the stream of security events, keys are still needed,
      lines of an import, a grant that stays
  4   not found
  10 to 19: see \`token-broker generate-user-credentials --help\`; 12 is a port
      in use, 13 a missing file
  69  unavailable: the database or Google cannot be reached
  78  faulty configuration; all faults are named at once`;

const EXAMPLES = `
Examples:
  token-broker migrate
  token-broker service create reports --client default --scope '*' --user '*'
  token-broker client check

Settings are read from the environment and from a .env file in this folder; see
docs/configuration.md.`;

/** @param asJson whether standard error is reserved for one JSON object */
export function buildProgram(asJson: boolean): Command {
  const program = new Command('token-broker')
    .description(
      "Administers a token broker: its database, services, Google clients and keys. Makes Google's libraries use it.",
    )
    .version(readVersion())
    .option('--json', 'print the result as JSON on standard output, and a failure as JSON on standard error')
    .option('--wide', 'show tables whole, however wide the terminal is')
    .addCommand(migrate())
    .addCommand(
      group(
        'service',
        'Services that may call the broker',
        serviceCreate(),
        serviceList(),
        serviceUpdate(),
        serviceRevoke(),
      ),
    )
    .addCommand(
      group(
        'service-account',
        "Google service accounts that give access without a user's consent",
        serviceAccountAdd(),
        serviceAccountList(),
        serviceAccountRemove(),
      ),
    )
    .addCommand(
      group(
        'credential',
        "Delegated credentials: a service's handles for one user each",
        credentialCreate(),
        credentialList(),
        credentialRevoke(),
      ),
    )
    .addCommand(group('grant', 'Grants of users', grantList(), grantShow(), grantDisconnect(), grantImport()))
    .addCommand(group('ticket', 'Connect links for users', ticketCreate(), ticketShow()))
    .addCommand(group('user', 'Users, as their grants show them', userOffboard()))
    .addCommand(
      group(
        'webhook',
        'Webhooks: who gets events, and which were sent',
        webhookCreate(),
        webhookList(),
        webhookUpdate(),
        webhookRotate(),
        webhookEnable(),
        webhookDisable(),
        webhookDelete(),
        webhookTest(),
        webhookEvents(),
        webhookReplay(),
      ),
    )
    .addCommand(apply())
    .addCommand(exportDeclaration())
    .addCommand(audit())
    .addCommand(group('console', "The operator's console", consoleSignOut()))
    .addCommand(group('client', 'Google OAuth clients that the broker serves', clientList(), clientCheck()))
    .addCommand(credentialsFile())
    .addCommand(sidecar())
    .addCommand(generateUserCredentials())
    .addCommand(clientConfig())
    .addCommand(group('keys', 'Keys that seal the stored tokens', keysGenerate(), keysReseal(), keysRewrap()))
    .addCommand(
      group(
        'risc',
        'Security events that Google delivers (Cross-Account Protection)',
        riscConfigure(),
        riscStatus(),
        riscVerify(),
      ),
    )
    .addHelpText('after', EXAMPLES)
    .addHelpText('afterAll', EXIT_CODES)
    .hook('preAction', loadEnvFile);
  prepare(program, asJson);
  return program;
}

function group(name: string, description: string, ...commands: Command[]): Command {
  const command = new Command(name).description(description);
  for (const each of commands) command.addCommand(each);
  return command;
}

/** Without this, Commander ends the process itself, with 1, on wrong usage. */
function prepare(command: Command, asJson: boolean, path: readonly string[] = [], program = command): void {
  const here = [...path, command.name()];
  command
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: ({ parent }) => (parent === null ? [] : [...program.options]),
    })
    .hook('preAction', (parent, acting) => {
      if (parent !== program && parent !== acting) assertNoOptions(parent, [...here, acting.name()]);
    })
    .configureOutput({ outputError: () => undefined, ...(asJson ? { writeErr: () => undefined } : {}) })
    .exitOverride((error) => {
      if (error.exitCode === 0) throw error;
      // Without a command, Commander shows the help text; its message is not a sentence.
      const what =
        error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
      throw wrongUsage(what, here.join(' '));
    });
  for (const child of command.commands) prepare(child, asJson, here, program);
}

/** Commander reads the options of a command with subcommands for these too, wherever they stand; no subcommand would see them. */
function assertNoOptions(parent: Command, path: readonly string[]): void {
  const isGiven = (source: string | undefined) => source !== undefined && source !== 'default';
  const given = parent.options.find((option) => isGiven(parent.getOptionValueSource(option.attributeName())));
  if (given) throw wrongUsage(`${given.long ?? given.flags} is not for this command.`, path.join(' '));
}
