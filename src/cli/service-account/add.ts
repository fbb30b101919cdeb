import { Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import { BrokerError } from '../../domain/errors.js';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { explainFailure } from '../../domain/google/oauth-failures.js';
import { scopeSet } from '../../domain/google/scopes.js';
import { explainServiceAccountFailure } from '../../domain/google/service-account.js';
import type {
  AddedServiceAccount,
  NewServiceAccount,
} from '../../service-accounts/service-account-registry.js';
import { type CommandResult, printResult, repeated } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { readServiceAccountFile } from '../shared/files.js';
import { assertClientsServed, withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker service-account add KEY.json --user channel-reports \\
    --scope https://www.googleapis.com/auth/adwords
  token-broker service-account add KEY.json --user alice \\
    --subject alice@example.com \\
    --scope https://www.googleapis.com/auth/calendar.readonly
  token-broker service-account add NEW-KEY.json --user channel-reports \\
    --replace \\
    --scope https://www.googleapis.com/auth/adwords

KEY.json is the key of a service account, from the Google console (IAM, Service
Accounts, Keys). The command requests one token from Google, to find a key or a
scope that does not work now. docs/service-accounts.md has all steps. Which
services may call the broker is another matter: see \`token-broker service
create\`.`;

interface Options {
  readonly user: string;
  readonly client?: string;
  readonly subject?: string;
  readonly scope: string[];
  readonly replace?: true;
  readonly youtubeReporting?: true;
  readonly offline?: true;
}

export function serviceAccountAdd(): Command {
  return new Command('add')
    .description('Let a service account give access for a user, without consent')
    .argument('<key-file>', "the service account's key, a JSON file of the Google console")
    .requiredOption('--user <id>', 'the user whose tokens it gives, as in GET /tokens/ID')
    .requiredOption('--scope <scope>', 'a scope of its tokens; repeat for several', repeated)
    .option('--client <alias>', 'under which client services ask for it')
    .option('--subject <email>', 'a user of your Workspace to act for (domain-wide delegation)')
    .option('--replace', 'replace the key, subject or scopes of the same service account')
    .option(
      '--youtube-reporting',
      'the yt-analytics scopes are for the YouTube Reporting API of a content owner',
    )
    .option('--offline', 'do not request a token from Google first')
    .addHelpText('after', EXAMPLES)
    .action(printResult(add));
}

async function add(keyFile: string, options: Options): Promise<CommandResult> {
  const { key, content } = await readServiceAccountFile(keyFile);
  const request: NewServiceAccount = {
    userId: options.user,
    client: options.client,
    account: { sub: key.uniqueId, email: key.email },
    key: content,
    subject: options.subject ?? null,
    scopes: options.scope,
    replace: options.replace ?? false,
    forYouTubeReporting: options.youtubeReporting ?? false,
  };
  return withBroker(async (broker) => {
    const { Settings } = await import('../../config/settings.js');
    const { Clock } = await import('../../domain/ports/clock.js');
    const { ServiceAccountRegistry } = await import('../../service-accounts/service-account-registry.js');
    const settings = broker.get(Settings);
    assertClientsServed(options.client === undefined ? [] : [options.client], settings);
    const registry = broker.get(ServiceAccountRegistry);
    await registry.assertPossible(request).catch(explain);
    if (!options.offline) await assertToken(request, settings, broker.get(Clock).now());
    return resultOf(await registry.add(request).catch(explain), !options.offline);
  });
}

async function assertToken(request: NewServiceAccount, settings: Settings, now: Date): Promise<void> {
  const { tryAssertion } = await import('../../google/oauth/jwt-bearer-grant.js');
  const { key, subject } = request;
  const scopes = scopeSet(request.scopes);
  const reach = { standInUrl: settings.googleStandInUrl, timeoutMs: settings.googleTimeoutMs, now };
  try {
    await tryAssertion({ key, subject, scopes }, reach);
  } catch (error) {
    throw error instanceof GoogleFailure ? explainRefusal(error, request, scopes) : error;
  }
}

function explainRefusal(
  failure: GoogleFailure,
  request: NewServiceAccount,
  scopes: readonly string[],
): Failure {
  const { subject, account } = request;
  const said = failure.description ? ` Google said: ${failure.description}` : '';
  if (failure.kind === 'unavailable') {
    const { meaning, remedy } = explainFailure(failure, 'refresh');
    return new Failure(
      EXIT.unavailable,
      'google_unavailable',
      `${meaning} Nothing was stored. ${remedy} Or skip this request with --offline. (${failure.error})${said}`,
    );
  }
  const { cause, remedy } = explainServiceAccountFailure(failure, {
    account,
    subject,
    grantedScopes: scopes,
  });
  return new Failure(
    EXIT.refused,
    cause,
    `Google gives ${account.email ?? account.sub} no token (${failure.error}). ${remedy} Nothing was stored.${said}`,
  );
}

function resultOf({ grant, replaced, others }: AddedServiceAccount, isTried: boolean): CommandResult {
  const { id, userId, client, account, subject, grantedScopes } = grant;
  const names = others.map(({ sub, email }) => email ?? sub);
  const notes = [
    ...(isTried
      ? []
      : [
          'No token was requested from Google (--offline): a key that does not work shows at the first call.',
        ]),
    ...(names.length > 0
      ? [
          `The user ${userId} has other accounts too (${names.join(', ')}). Services must select one with account=.`,
        ]
      : []),
  ];
  return {
    text: [
      replaced
        ? `The service account ${account.email ?? account.sub} was replaced for the user ${userId} (client ${client}).`
        : `The user ${userId} has access by the service account ${account.email ?? account.sub} now (client ${client}).`,
      `  grant     ${id}`,
      `  acts for  ${subject ?? 'itself'}`,
      `  scopes    ${grantedScopes.join(' ')}`,
      ...notes,
      'The key is sealed in the database. The broker no longer needs the file: delete it, or move it to your secret store.',
    ].join('\n'),
    json: {
      grant_id: id,
      user_id: userId,
      client,
      account,
      subject,
      scope: grantedScopes.join(' '),
      replaced,
      tried: isTried,
      notes,
    },
  };
}

/** A refusal that names fields is about the command line. */
function explain(error: unknown): never {
  if (!(error instanceof BrokerError)) throw error;
  const { extensions, detail } = error;
  if ('errors' in extensions) throw wrongUsage(detail);
  const isTaken = extensions['taken'] !== undefined;
  throw new Failure(EXIT.refused, isTaken ? 'service_account_taken' : 'youtube_analytics_refused', detail);
}
