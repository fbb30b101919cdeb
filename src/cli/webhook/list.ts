import { Command } from 'commander';
import type { ListedWebhook } from '../../webhooks/webhook-registry.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { table } from '../shared/table.js';
import { day } from '../shared/values.js';
import { webhookAsJson } from './webhook-options.js';

const EXAMPLES = `
Examples:
  token-broker webhook list
  token-broker webhook list --json | jq '.webhooks[] | \\
    select(.disabled_at != null) | .name'

FAILING SINCE is the first attempt of which it has accepted nothing since.
Secrets are not listed. \`token-broker webhook events\` lists what was sent.`;

export function webhookList(): Command {
  return new Command('list')
    .description('List webhooks: who gets which events')
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

async function list(): Promise<TableResult> {
  const [settings, { WebhookAdminModule }, { WebhookRegistry }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/webhook-registry.js'),
  ]);
  return withModules(settings, [WebhookAdminModule], async (broker) => {
    const webhooks = await broker.get(WebhookRegistry).list();
    const stateOf = ({ isVerified, disabledAt, disabledReason }: ListedWebhook) => {
      if (!isVerified) return 'NOT VERIFIED';
      if (disabledAt === null) return 'enabled';
      const why = disabledReason === 'failing' ? 'disabled, failing' : 'disabled';
      return `${why} ${day(disabledAt)}`;
    };
    return {
      text: (width) =>
        webhooks.length === 0
          ? 'There is no webhook. Create one with `token-broker webhook create`.'
          : table(
              [
                { heading: 'NAME', cut: true },
                { heading: 'STATE' },
                { heading: 'URL', cut: true },
                { heading: 'FAILING SINCE', optional: true },
                { heading: 'EVENTS', cut: true, optional: true },
                { heading: 'SERVICES', cut: true, optional: true },
                { heading: 'CREATED', optional: true },
                { heading: 'ID', optional: true },
              ],
              webhooks.map((webhook) => [
                webhook.name,
                stateOf(webhook),
                webhook.url,
                webhook.failingSince ? day(webhook.failingSince) : '-',
                webhook.events.join(' ') || '*',
                webhook.serviceNames.join(' ') || '*',
                day(webhook.createdAt),
                webhook.id,
              ]),
              width,
            ),
      json: {
        webhooks: webhooks.map((webhook) => ({
          ...webhookAsJson(webhook, webhook.serviceNames),
          failing_since: webhook.failingSince,
          verified: webhook.isVerified,
        })),
      },
    };
  });
}
