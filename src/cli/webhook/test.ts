import { Command } from 'commander';
import { shownAddress } from '../../domain/webhook/webhook.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, wrongUsage } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { noWebhook } from './webhook-options.js';

const EXAMPLES = `
Examples:
  token-broker webhook test app
  token-broker webhook test app --json | jq -r .result

Sends the event webhook.test from this machine, once, signed like every other,
and shows what the receiver answers; also to a webhook that is disabled. The
name may be left out where there is only one. Exits with 69 when the receiver
did not accept it.`;

export function webhookTest(): Command {
  return new Command('test')
    .description('Send a test event to a webhook')
    .argument('[id-or-name]', 'as `token-broker webhook list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(send));
}

async function send(idOrName: string | undefined): Promise<CommandResult> {
  const [settings, { WebhookAdminModule }, { ReplayWebhooks }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/replay-webhooks.js'),
  ]);
  const sent = await withModules(settings, [WebhookAdminModule], (broker) =>
    broker.get(ReplayWebhooks).test(idOrName ?? null, 'operator'),
  );
  if (!sent) {
    throw idOrName === undefined
      ? wrongUsage('name the webhook: there is none, or more than one.', 'token-broker webhook test')
      : noWebhook(idOrName);
  }
  const { id, webhook, delivery, ms } = sent;
  const isAccepted = delivery.kind === 'accepted';
  const error = delivery.kind === 'accepted' ? null : delivery.error;
  const address = shownAddress(webhook) ?? webhook.name;
  return {
    text: isAccepted
      ? `${address} accepted ${id} in ${ms} ms.`
      : `${address} did not accept ${id} (${error ?? ''}, ${ms} ms). docs/webhooks.md says what a receiver must answer.`,
    json: { id, type: 'webhook.test', webhook: webhook.name, result: delivery.kind, error, ms },
    ...(isAccepted ? {} : { exitCode: EXIT.unavailable }),
  };
}
