/** Commands that change one webhook: update, enable, disable, delete. Owns none of what they do (webhooks/webhook-registry.ts). */
import { Command } from 'commander';
import type { ChangedWebhook, WebhookRegistry } from '../../webhooks/webhook-registry.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import {
  addWebhookFilters,
  explain,
  filterValues,
  type FilterOfWebhook,
  noWebhook,
} from './webhook-options.js';

const ARGUMENT = ['<id-or-name>', 'as `token-broker webhook list` shows it'] as const;

const UPDATE_EXAMPLES = `
Examples:
  token-broker webhook update app --url https://app.example.com/hooks/v2
  token-broker webhook update app --event grant.reconnect_required
  token-broker webhook update app --event '*' --service '*'

What is not named stays as it is; * takes a filter away. Events that wait go to
the new address. The name does not change, and the secret by \`webhook rotate\`.`;

const ENABLE_EXAMPLES = `
Examples:
  token-broker webhook enable app
  token-broker webhook replay --webhook app --state abandoned --since 7d

It gets what happens from now on. What happened while it was disabled is kept
for 30 days, as abandoned; the second command sends it.`;

const DISABLE_EXAMPLES = `
Examples:
  token-broker webhook disable app

It gets nothing until it is enabled. What waits for it and what happens
meanwhile is kept for 30 days, as abandoned, and can be replayed then.`;

const DELETE_EXAMPLES = `
Examples:
  token-broker webhook delete app

Events that wait for it are abandoned. Its secret is gone.`;

export function webhookUpdate(): Command {
  const command = new Command('update')
    .description('Change the address or the filters of a webhook')
    .argument(...ARGUMENT)
    .option('--url <url>', 'where events are sent, http or https');
  return addWebhookFilters(command).addHelpText('after', UPDATE_EXAMPLES).action(printResult(update));
}

export function webhookEnable(): Command {
  return new Command('enable')
    .description('Enable a disabled webhook')
    .argument(...ARGUMENT)
    .addHelpText('after', ENABLE_EXAMPLES)
    .action(printResult((name: string) => change(name, 'enabled', (webhooks) => webhooks.enable(name))));
}

export function webhookDisable(): Command {
  return new Command('disable')
    .description('Send nothing to a webhook until it is enabled')
    .argument(...ARGUMENT)
    .addHelpText('after', DISABLE_EXAMPLES)
    .action(printResult((name: string) => change(name, 'disabled', (webhooks) => webhooks.disable(name))));
}

export function webhookDelete(): Command {
  return new Command('delete')
    .description('Delete a webhook')
    .argument(...ARGUMENT)
    .addHelpText('after', DELETE_EXAMPLES)
    .action(
      printResult((name: string) =>
        change(name, 'deleted', async (webhooks) => {
          const webhook = await webhooks.remove(name);
          return webhook && { webhook, changed: true };
        }),
      ),
    );
}

function update(
  name: string,
  { url, event, service }: FilterOfWebhook & { readonly url?: string },
): Promise<CommandResult> {
  const changes = {
    ...(url === undefined ? {} : { url }),
    ...(event === undefined ? {} : { events: filterValues(event) }),
    ...(service === undefined ? {} : { services: filterValues(service) }),
  };
  if (Object.keys(changes).length === 0) {
    throw wrongUsage('nothing to change: name --url, --event or --service.');
  }
  return change(name, 'changed', (webhooks) => webhooks.update(name, changes));
}

async function change(
  idOrName: string,
  done: string,
  act: (webhooks: WebhookRegistry) => Promise<ChangedWebhook | null>,
): Promise<CommandResult> {
  const [settings, { WebhookAdminModule }, { WebhookRegistry: Registry }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/webhook-registry.js'),
  ]);
  return withModules(settings, [WebhookAdminModule], async (broker) => {
    const result = await act(broker.get(Registry)).catch(explain);
    if (!result) throw noWebhook(idOrName);
    const { webhook, changed } = result;
    return {
      text: changed
        ? `The webhook ${webhook.name} is ${done}.`
        : `The webhook ${webhook.name} was ${done} before. Nothing changed.`,
      json: { id: webhook.id, name: webhook.name, disabled_at: webhook.disabledAt, changed },
    };
  });
}
