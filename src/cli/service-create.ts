import { Command } from 'commander';
import type { BrokerError } from '../domain/errors.js';
import { scopeSet } from '../domain/scopes.js';
import { EXIT, Failure } from './failure.js';
import { withBroker } from './open-broker.js';
import { answers, type Answer } from './print.js';
import { repeated } from './repeated.js';

const EXAMPLES = `
Examples:
  token-broker service create reports --client default \\
    --scope https://www.googleapis.com/auth/yt-analytics.readonly --user 'team-a:*' --user alice
  token-broker service create backoffice --client '*' --scope '*' --user '*'
  token-broker service create reports --client default --scope '*' --user '*' --json | jq -r .key

The key is shown once and cannot be shown again: the broker keeps only its hash. Quote every *, or the shell
puts file names in its place.`;

interface Options {
  readonly client: string[];
  readonly scope: string[];
  readonly user: string[];
  readonly audit?: true;
}

export function serviceCreate(): Command {
  return new Command('create')
    .description('Make a service and show its key, once')
    .argument('<name>', 'how people call it: letters, digits, spaces or . _ -')
    .requiredOption('--client <alias>', 'a client it may use, or *; repeat for several', repeated)
    .requiredOption('--scope <scope>', 'a scope it may ask for, or *; repeat for several', repeated)
    .requiredOption(
      '--user <rule>',
      'a user id it may act for, or a prefix that ends in *; repeat for several',
      repeated,
    )
    .option('--audit', 'let it read the audit trail of the users it covers')
    .addHelpText('after', EXAMPLES)
    .action(answers(create));
}

function create(name: string, { client, scope, user, audit }: Options): Promise<Answer> {
  return withBroker(async (broker) => {
    const { Settings } = await import('../config/settings.js');
    const { CreateService } = await import('../services/create-service.js');
    demandServed(
      client,
      broker
        .get(Settings)
        .clients.all()
        .map(({ alias }) => alias),
    );
    const policy = { clients: client, scopes: scopeSet(scope), users: user, audit: audit ?? false };
    const service = await broker.get(CreateService).create(name, policy).catch(explain);
    const key = service.key.reveal();
    return {
      text: [
        `The service ${service.name} may call the broker now. Its id is ${service.id}, its key is:`,
        `\n  ${key}\n`,
        'This key is not shown again. Put it into the secret store of the service now; it is sent as',
        '`Authorization: Bearer tbk_...`. If it gets lost, revoke the service and create another.',
      ].join('\n'),
      json: { id: service.id, name: service.name, key, policy },
    };
  });
}

/** The store would take any alias, and the service would find out at its first call. */
function demandServed(asked: readonly string[], served: readonly string[]): void {
  const unknown = asked.filter((alias) => alias !== '*' && !served.includes(alias));
  if (unknown.length === 0) return;
  throw new Failure(
    EXIT.notFound,
    'client_not_found',
    `The broker serves no client called ${unknown.join(', ')}. It serves ${served.join(', ')}. Nothing was created.`,
  );
}

/** A refusal that names fields is about how the command was called; one that names none, about a taken name. */
function explain(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'BrokerError') throw error;
  const { carries, detail } = error as BrokerError;
  if ('errors' in carries) throw new Failure(EXIT.wrongUsage, 'wrong_usage', `Wrong usage: ${detail}`);
  throw new Failure(
    EXIT.refused,
    'name_taken',
    `${detail} Choose another name; a revoked service keeps its name, so that audits stay readable.`,
  );
}
