import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import {
  addWebhookFilters,
  explain,
  filterValues,
  type FilterOfWebhook,
  secretOf,
  shownSecret,
  webhookAsJson,
} from './webhook-options.js';

const EXAMPLES = `
Examples:
  token-broker webhook create app --url https://app.example.com/hooks
  token-broker webhook create reports --url https://reports.example.com/hooks \\
    --service reports --event grant.reconnect_required --event grant.expiring
  token-broker webhook create app --url https://app.example.com/hooks --json \\
    | jq -r .secret

The secret that signs its events is shown once. --secret-file names a file with
one of your own (whsec_ and 24 to 64 bytes in base64); - is standard input.
Without --event it gets all events, without --service those of all grants; with
it, those of grants that the policy of the service covers, users and clients.`;

interface Options extends FilterOfWebhook {
  readonly url: string;
  readonly secretFile?: string;
}

export function webhookCreate(): Command {
  const command = new Command('create')
    .description('Create a webhook: an address that gets events')
    .argument('<name>', 'letters, digits, spaces or . _ -')
    .requiredOption('--url <url>', 'where events are sent, http or https')
    .option('--secret-file <path>', 'a file with the secret, or -; without it, one is made and shown');
  return addWebhookFilters(command).addHelpText('after', EXAMPLES).action(printResult(create));
}

async function create(name: string, { url, event, service, secretFile }: Options): Promise<CommandResult> {
  const spec = { name, url, events: filterValues(event ?? []), services: filterValues(service ?? []) };
  const { secret, isNew } = await secretOf(secretFile);
  const [settings, { WebhookAdminModule }, { WebhookRegistry }, { ServicesRepository }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/webhook-registry.js'),
    import('../../token-store/services/services.repository.js'),
  ]);
  return withModules(settings, [WebhookAdminModule], async (broker) => {
    const webhook = await broker.get(WebhookRegistry).create(spec, secret).catch(explain);
    const names = await broker.get(ServicesRepository).namesOf(webhook.services);
    const serviceNames = webhook.services.map((id) => names.get(id) ?? id);
    const shown = isNew ? shownSecret(secret) : null;
    return {
      text: [
        `The webhook ${name} gets events from now on.`,
        ...(shown === null
          ? []
          : [
              'Its secret is:',
              `\n  ${shown}\n`,
              'It is not shown again. Put it into the secret store of the receiver now, which verifies with it.',
            ]),
        `Try it: token-broker webhook test ${JSON.stringify(name)}`,
      ].join('\n'),
      json: { ...webhookAsJson(webhook, serviceNames), ...(shown === null ? {} : { secret: shown }) },
    };
  });
}
