import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, faultyConfiguration } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker webhook test
  token-broker webhook test --json | jq -r .result

Sends the event webhook.test to WEBHOOK_URL from this machine, once, signed like
every other, and shows what the receiver answers. Exits with 69 when it did not
accept it.`;

export function webhookTest(): Command {
  return new Command('test')
    .description('Send a test event to the configured receiver')
    .addHelpText('after', EXAMPLES)
    .action(printResult(send));
}

async function send(): Promise<CommandResult> {
  const [settings, { WebhookAdminModule }, { ReplayWebhooks }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/replay-webhooks.js'),
  ]);
  const { webhook } = settings;
  if (webhook === null) throw faultyConfiguration(['WEBHOOK_URL is not set']);
  const { id, delivery, ms } = await withModules(settings, [WebhookAdminModule], (broker) =>
    broker.get(ReplayWebhooks).test('operator'),
  );
  const isAccepted = delivery.kind === 'accepted';
  const error = delivery.kind === 'accepted' ? null : delivery.error;
  const { origin } = new URL(webhook.url);
  return {
    text: isAccepted
      ? `${origin} accepted ${id} in ${ms} ms.`
      : `${origin} did not accept ${id} (${error ?? ''}, ${ms} ms). docs/webhooks.md says what a receiver must answer.`,
    json: { id, type: 'webhook.test', result: delivery.kind, error, ms },
    ...(isAccepted ? {} : { exitCode: EXIT.unavailable }),
  };
}
