import { Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import type { BrokerError } from '../../domain/errors.js';
import { scopeSet } from '../../domain/google/scopes.js';
import { explainServiceAccountFailure } from '../../domain/google/service-account.js';
import type {
  AddedServiceAccount,
  NewServiceAccount,
} from '../../service-accounts/service-account-registry.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { type Answer, answers, repeated } from '../shared/print.js';
import { readServiceAccountFile } from './read-service-account-file.js';

const EXAMPLES = `
Examples:
  token-broker service-account add KEY.json --user channel-reports \\
    --scope https://www.googleapis.com/auth/adwords
  token-broker service-account add KEY.json --user alice --subject alice@example.com \\
    --scope https://www.googleapis.com/auth/calendar.readonly
  token-broker service-account add NEW-KEY.json --user channel-reports --replace \\
    --scope https://www.googleapis.com/auth/adwords

KEY.json is what the Google console gives out for a service account (IAM, Service Accounts, Keys). Google is asked for
one token, so that a key or a scope that does not work is found out now. docs/service-accounts.md has all steps. This is
not about who may call the broker: see \`token-broker service create\`.`;

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
    .description('Let a service account hold access for a user, without consent')
    .argument('<key-file>', "the service account's key, a JSON file of the Google console")
    .requiredOption('--user <id>', 'the user whose tokens it gives, as in GET /tokens/ID')
    .requiredOption('--scope <scope>', 'a scope of its tokens; repeat for several', repeated)
    .option('--client <alias>', 'under which client services ask for it')
    .option('--subject <email>', 'a user of your Workspace to act for (domain-wide delegation)')
    .option('--replace', 'take the place of the same service account: another key, subject or scopes')
    .option(
      '--youtube-reporting',
      'the yt-analytics scopes are for the YouTube Reporting API of a content owner',
    )
    .option('--offline', 'do not ask Google for a token first')
    .addHelpText('after', EXAMPLES)
    .action(answers(add));
}

async function add(keyFile: string, options: Options): Promise<Answer> {
  const { key, content } = await readServiceAccountFile(keyFile);
  const order: NewServiceAccount = {
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
    assertServed(options.client, settings);
    const adding = broker.get(ServiceAccountRegistry);
    await adding.assertPossible(order).catch(explain);
    if (!options.offline) await assertToken(order, settings, broker.get(Clock).now());
    return toAnswer(await adding.add(order).catch(explain), !options.offline);
  });
}

/** The policy of a service names clients, and a wrong one would be found out by its first call. */
function assertServed(client: string | undefined, { clients }: Settings): void {
  if (client === undefined || clients.get(client)) return;
  const served = clients.all().map(({ alias }) => alias);
  throw new Failure(
    EXIT.notFound,
    'client_not_found',
    `The broker serves no client called ${client}. It serves ${served.join(', ')}. Nothing was kept.`,
  );
}

async function assertToken(order: NewServiceAccount, settings: Settings, now: Date): Promise<void> {
  const { tryAssertion } = await import('../../google/oauth/jwt-bearer-grant.js');
  const { key, subject, account } = order;
  const scopes = scopeSet(order.scopes);
  const failure = await tryAssertion(
    { key, subject, scopes },
    { standInUrl: settings.googleStandInUrl, timeoutMs: settings.googleTimeoutMs, now },
  );
  if (!failure) return;
  const said = failure.description ? ` Google said: ${failure.description}` : '';
  if (failure.kind === 'unavailable') {
    throw new Failure(
      EXIT.unavailable,
      'google_unavailable',
      `Google gave no answer (${failure.error}). Nothing was kept; try again, or leave the question out with --offline.${said}`,
    );
  }
  const { cause, mend } = explainServiceAccountFailure(failure, { account, subject, grantedScopes: scopes });
  throw new Failure(
    EXIT.refused,
    cause,
    `Google gives ${account.email ?? account.sub} no token (${failure.error}). ${mend} Nothing was kept.${said}`,
  );
}

function toAnswer({ grant, replaced, others }: AddedServiceAccount, isTried: boolean): Answer {
  const { id, userId, client, account, subject, grantedScopes } = grant;
  const names = others.map(({ sub, email }) => email ?? sub);
  const notes = [
    ...(isTried
      ? []
      : ['Google was not asked, as --offline wishes: a key that does not work shows at the first call.']),
    ...(names.length > 0
      ? [
          `The user ${userId} has other accounts here too (${names.join(', ')}). Services must say with account= which one ` +
            'they mean.',
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
      'The key is sealed in the database. The broker needs the file no more: delete it, or keep it where keys are kept.',
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

/** A refusal that names fields is about how the command was called. */
function explain(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'BrokerError') throw error;
  const { extensions, detail } = error as BrokerError;
  if ('errors' in extensions) throw new Failure(EXIT.wrongUsage, 'wrong_usage', `Wrong usage: ${detail}`);
  const isTaken = extensions['taken'] !== undefined;
  throw new Failure(EXIT.refused, isTaken ? 'service_account_taken' : 'youtube_analytics_refused', detail);
}
