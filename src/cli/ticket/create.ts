import { Command, Option } from 'commander';
import { ANY_CLIENT } from '../../domain/connect/connect-request.js';
import { BrokerError } from '../../domain/errors.js';
import type { ConnectTicketDto } from '../../connect-tickets/connect-ticket.dto.js';
import { type CommandResult, printResult, repeated } from '../shared/command-result.js';
import { asWrongUsage, EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker ticket create --service reports --user alice \\
    --scope https://www.googleapis.com/auth/yt-analytics.readonly
  token-broker ticket create --service reports --user alice --scope openid \\
    --account alice@example.com --json | jq -r .connect_url
  token-broker ticket create --service reports --user alice --scope openid \\
    --reason 'openid=So that we know you when you come back.'
  token-broker ticket create --service reports --user alice --manage

Makes a link that takes a user to Google and back, as a service would with
POST /connect/tickets and within its policy. The browser that opens the link
connects an account for this user: send it to no one else. How far it is says
\`token-broker ticket show ID\`. With --manage, the link leads to a page where the
user sees what the service holds, reconnects and disconnects.`;

interface Options {
  readonly service: string;
  readonly user: string;
  readonly scope?: readonly string[];
  readonly manage?: boolean;
  readonly client?: string;
  readonly account?: string;
  readonly requireEmail?: string;
  readonly returnTo?: string;
  readonly anotherAccount?: boolean;
  readonly prompt?: string;
  readonly reason?: Readonly<Record<string, string>>;
  readonly includeGrantedScopes: boolean;
}

export function ticketCreate(): Command {
  return new Command('create')
    .description('Make a connect link for a user, as a service')
    .requiredOption('--service <id-or-name>', 'the service that gets the access')
    .requiredOption('--user <id>', 'for whom: the id of the user')
    .option('--scope <scope>', 'a scope to ask for; repeat for several', repeated)
    .addOption(
      new Option('--manage', 'a link to what the service holds instead').conflicts([
        'scope',
        'account',
        'requireEmail',
        'anotherAccount',
        'prompt',
        'reason',
        'includeGrantedScopes',
      ]),
    )
    .option('--reason <scope=text>', 'why a scope is needed, shown beside it; repeat', readReason)
    .option('--client <alias>', 'the Google client; the default one without this')
    .option('--account <account>', 'the email address or sub to suggest')
    .option('--require-email <address>', 'the only account that is accepted')
    .option('--return-to <url>', 'where the browser goes afterwards')
    .option('--another-account', 'ask Google even when all scopes are held')
    .option(
      '--prompt <prompt>',
      'consent, select_account or both: pages of Google that the user sees in any case',
    )
    .option('--no-include-granted-scopes', 'the grant then holds these scopes, and none that it held before')
    .addHelpText('after', EXAMPLES)
    .action(printResult(create));
}

async function create({ service: idOrName, user, ...options }: Options): Promise<CommandResult> {
  const [settings, { ConnectTicketsModule }, { ConnectTickets }, dto, { validation }, services, cache] =
    await Promise.all([
      readSettings(process.env),
      import('../../connect-tickets/connect-tickets.module.js'),
      import('../../connect-tickets/connect-tickets.service.js'),
      import('../../connect-tickets/connect-ticket.dto.js'),
      import('../../http/validation/validation.pipe.js'),
      import('../../token-store/services/services.repository.js'),
      import('../../services/service-cache.js'),
    ]);
  const [{ AuditLog }, { Clock }, { toTicketRequest }] = await Promise.all([
    import('../../token-store/audit/audit-log.repository.js'),
    import('../../domain/ports/clock.js'),
    import('../../connect-tickets/read-connect-ticket.js'),
  ]);
  const metadata = { type: 'body', metatype: dto.ConnectTicketDto } as const;
  const body = (await validation
    .transform(bodyOf(user, options), metadata)
    .catch(asWrongUsage)) as ConnectTicketDto;
  return withModules(settings, [ConnectTicketsModule], async (broker) => {
    const named = await broker.get(services.ServicesRepository).findNamed(idOrName);
    // Named by its row, used only as it is verified.
    const service = named && (await broker.get(cache.ServiceCache).findActive(named.id));
    if (!service) {
      throw new Failure(
        EXIT.notFound,
        'service_not_found',
        `There is no active service ${idOrName}. \`token-broker service list\` shows all of them.`,
      );
    }
    const request = inUsage(() => toTicketRequest(service, settings.clients, body));
    const { purpose = 'connect', client, scopes } = request;
    const { id, url, expiresAt } = await broker.get(ConnectTickets).store(service, request, null);
    const audit = broker.get(AuditLog);
    audit.record({
      at: broker.get(Clock).now(),
      action: 'connect.ticket',
      outcome: 'ok',
      actor: 'operator',
      serviceId: service.id,
      userId: user,
      client: client === ANY_CLIENT ? null : client,
      details: { ...(purpose === 'manage' ? { purpose } : { asked: scopes }), ticket: id },
    });
    await audit.flushCommitted([user]);
    return {
      text: [
        purpose === 'manage'
          ? `This link shows what ${service.name} holds of the user ${user}, who can end it. Send it to no one else:`
          : `This link connects an account for the user ${user}. Send it to no one else:`,
        `\n  ${url}\n`,
        `Its id is ${id}, and it ends at ${expiresAt.toISOString()}.`,
      ].join('\n'),
      json: { id, connect_url: url, expires_at: expiresAt },
    };
  });
}

function bodyOf(user: string, options: Omit<Options, 'service' | 'user'>): Record<string, unknown> {
  const { scope, manage, client, account, requireEmail, returnTo, prompt, anotherAccount = false } = options;
  const { reason: reasons, includeGrantedScopes } = options;
  return {
    user_id: user,
    purpose: manage ? 'manage' : 'connect',
    scope: scope?.join(' '),
    client,
    account_hint: account,
    ...(requireEmail === undefined ? {} : { require_account: { email: requireEmail } }),
    return_to: returnTo,
    another_account: anotherAccount,
    prompt,
    reasons,
    ...(includeGrantedScopes ? {} : { include_granted_scopes: false }),
  };
}

/** Parses an option that may be given several times: `scope=text`. */
function readReason(
  value: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  // No scope of Google's has a = in it; a text may.
  const [, scope, text] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (scope === undefined || text === undefined)
    throw wrongUsage('--reason takes a scope, =, and the text that is shown beside it.');
  return { ...before, [scope]: text };
}

/** Of options that each are right, and wrong together. */
function inUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'invalid_request') return asWrongUsage(error);
    throw error;
  }
}
