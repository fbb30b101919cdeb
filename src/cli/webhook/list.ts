import { Command } from 'commander';
import type { StoredWebhook } from '../../token-store/outbox/webhooks.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
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
  const [{ WebhooksRepository }, { ServicesRepository }] = await Promise.all([
    import('../../token-store/outbox/webhooks.repository.js'),
    import('../../token-store/services/services.repository.js'),
  ]);
  return withBroker(async (broker) => {
    const repository = broker.get(WebhooksRepository);
    const webhooks = await repository.list();
    const names = await broker
      .get(ServicesRepository)
      .namesOf([...new Set(webhooks.flatMap(({ services }) => services))]);
    const verified = await Promise.all(
      webhooks.map(async (webhook) => (await repository.open(webhook)) !== null),
    );
    const stateOf = (webhook: StoredWebhook, isVerified: boolean) => {
      if (!isVerified) return 'NOT VERIFIED';
      if (webhook.disabledAt === null) return 'enabled';
      const why = webhook.disabledReason === 'failing' ? 'disabled, failing' : 'disabled';
      return `${why} ${day(webhook.disabledAt)}`;
    };
    const nameOf = (id: string) => names.get(id) ?? id;
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
              webhooks.map((webhook, index) => [
                webhook.name,
                stateOf(webhook, verified[index] === true),
                webhook.url,
                webhook.failingSince ? day(webhook.failingSince) : '-',
                webhook.events.join(' ') || '*',
                webhook.services.map(nameOf).join(' ') || '*',
                day(webhook.createdAt),
                webhook.id,
              ]),
              width,
            ),
      json: {
        webhooks: webhooks.map((webhook, index) => ({
          ...webhookAsJson(webhook, names),
          failing_since: webhook.failingSince,
          verified: verified[index],
        })),
      },
    };
  });
}
