import { Command, Option } from 'commander';
import { type CommandResult, printResult, repeated } from '../shared/command-result.js';
import { asWrongUsage, EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { seconds } from '../shared/values.js';

const DAY_SECONDS = 24 * 3600;

const EXAMPLES = `
Examples:
  token-broker credential create --service reports --user alice
  token-broker credential create --service reports --user alice \\
    --client default --expires 12h \\
    --scope https://www.googleapis.com/auth/yt-analytics.readonly
  token-broker credential create --service reports --user alice --json | \\
    jq -r .credential

A delegated credential (tbc_...) stands for a service and one of its users.
Google's client libraries take it as a refresh token, and POST /oauth2/token of
the broker gives that user's access tokens for it, within the policy that the
service has then. --scope narrows it further. It is shown once: the broker
stores only its hash. It ends when it expires, when it is revoked, or with its
service. --expires takes minutes, hours or days (90m, 12h, 90d).`;

interface Options {
  readonly service: string;
  readonly user: string;
  readonly client?: string;
  readonly account?: string;
  readonly scope?: string[];
  /** In seconds. */
  readonly expires: number;
}

export function credentialCreate(): Command {
  return new Command('create')
    .description('Create a delegated credential: a handle for one user of a service')
    .requiredOption('--service <id-or-name>', 'the service that it stands for')
    .requiredOption('--user <id>', 'the user whose tokens it gives')
    .option('--client <alias>', 'the client; where it is left out, the default')
    .option('--account <sub-or-email>', "which of the user's accounts")
    .option('--scope <scope>', 'a scope that its tokens may have; repeat for several', repeated)
    .addOption(
      new Option('--expires <time>', 'how long it lives').argParser(seconds).default(90 * DAY_SECONDS, '90d'),
    )
    .addHelpText('after', EXAMPLES)
    .action(printResult(create));
}

function create({
  service: idOrName,
  user,
  client,
  account,
  scope = [],
  expires,
}: Options): Promise<CommandResult> {
  return withBroker(async (broker) => {
    const { ServicesRepository } = await import('../../token-store/services/services.repository.js');
    const { ServiceCache } = await import('../../services/service-cache.js');
    const { DelegatedCredentials } = await import('../../services/delegated-credentials.js');
    const { validDelegation } = await import('../../services/delegated-credentials.dto.js');
    const delegation = await validDelegation({
      user_id: user,
      client,
      account,
      scope: scope.length === 0 ? undefined : scope.join(' '),
      expires_in: expires,
    }).catch(asWrongUsage);
    // Named by its row, used only as it is verified.
    const named = await broker.get(ServicesRepository).findNamed(idOrName);
    const service = named && (await broker.get(ServiceCache).findActive(named.id));
    if (!service) {
      throw new Failure(
        EXIT.notFound,
        'service_not_found',
        `There is no active service ${idOrName}. \`token-broker service list\` shows all of them.`,
      );
    }
    const { credential, handle } = await broker
      .get(DelegatedCredentials)
      .createByOperator(service, delegation);
    const text = handle.reveal();
    const { id, expiresAt } = credential;
    return {
      text: [
        `The holder of this credential gets tokens of ${user}, as the service ${service.name}. Its id is ${id}:`,
        `\n  ${text}\n`,
        `It is not shown again, and ends on ${expiresAt.toISOString()}. Revoke it with \`token-broker credential revoke ${id}\`.`,
      ].join('\n'),
      json: { id, credential: text, service: service.name, user_id: user, expires_at: expiresAt },
    };
  });
}
