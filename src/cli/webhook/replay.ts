import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import type { ReplayOutcome } from '../../token-store/outbox/outbox-lists.repository.js';
import { type FilterOptions, filterOf, withFilters } from './events.js';

const EXAMPLES = `
Examples:
  token-broker webhook replay msg_5b3f6a0e-2f0c-4b52-8a39-0f5f4c1f2d11
  token-broker webhook replay --webhook app --state abandoned --since 24h
  token-broker webhook replay --since 2026-11-21T08:00:00Z \\
    --until 2026-11-21T09:00:00Z

One event, or all that the filters find. A running broker sends them at once, as
if they had never been tried, under the same \`webhook-id\`: a receiver that
handled one before recognises it. A webhook that is disabled gets nothing, and
its events stay as they are: enable it first. Further exit code: 3 the webhook
of that one event is disabled or deleted.`;

export function webhookReplay(): Command {
  return withFilters(
    new Command('replay').description('Send events again').argument('[id]', 'the id of one event'),
  )
    .addHelpText('after', EXAMPLES)
    .action(printResult(replay));
}

async function replay(id: string | undefined, options: FilterOptions): Promise<CommandResult> {
  const isFiltered = Object.values(options).some((value) => value !== undefined);
  if ((id === undefined) !== isFiltered) {
    throw wrongUsage('name one event, or give a filter such as --since.', 'token-broker webhook replay');
  }
  const [settings, { WebhookAdminModule }, { ReplayWebhooks }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/replay-webhooks.js'),
  ]);
  const replayed = await withModules(settings, [WebhookAdminModule], async (broker) => {
    const webhooks = broker.get(ReplayWebhooks);
    if (id === undefined) return webhooks.replayAll(await filterOf(broker, options), 'operator');
    const outcome = await webhooks.replay(id, 'operator');
    if (outcome === 'due') return 1;
    throw refusalOf(outcome, id);
  });
  return {
    text: `${replayed} event(s) are due now; a running broker sends them.`,
    json: { replayed },
  };
}

function refusalOf(outcome: Exclude<ReplayOutcome, 'due'>, id: string): Failure {
  if (outcome === 'not_found') {
    return new Failure(
      EXIT.notFound,
      'event_not_found',
      `There is no event ${id}. \`token-broker webhook events\` lists them.`,
    );
  }
  const text =
    outcome === 'webhook_disabled'
      ? `The webhook of ${id} is disabled, so nothing would send it. Enable it first: \`token-broker webhook enable\`.`
      : `The webhook of ${id} was deleted, so nothing would send it.`;
  return new Failure(EXIT.refused, outcome, text);
}
