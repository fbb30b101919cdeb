import { Command } from 'commander';
import { OVERLAP_SECONDS } from '../../domain/webhook/webhook-secrets.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { moment, seconds } from '../shared/values.js';
import { explain, noWebhook, secretOf, shownSecret } from './webhook-options.js';

const EXAMPLES = `
Examples:
  token-broker webhook rotate app
  token-broker webhook rotate app --overlap 7d
  token-broker webhook rotate app --overlap 0m --secret-file new-secret.txt

Events are signed with both secrets until the overlap ends (24h), as Standard
Webhooks say: put the new one into the receiver meanwhile. With --overlap 0m the
old one ends at once, such as after a leak.`;

interface Options {
  readonly overlap: number;
  readonly secretFile?: string;
}

export function webhookRotate(): Command {
  return new Command('rotate')
    .description('Give a webhook a new secret; the old one signs as well for a while')
    .argument('<id-or-name>', 'as `token-broker webhook list` shows it')
    .option('--overlap <duration>', 'how long both sign: 90m, 24h, 7d', seconds, OVERLAP_SECONDS)
    .option('--secret-file <path>', 'a file with the secret, or -; without it, one is made and shown')
    .addHelpText('after', EXAMPLES)
    .action(printResult(rotate));
}

async function rotate(idOrName: string, { overlap, secretFile }: Options): Promise<CommandResult> {
  const { secret, isNew } = await secretOf(secretFile);
  const [settings, { WebhookAdminModule }, { WebhookRegistry }] = await Promise.all([
    readSettings(process.env),
    import('./webhook-admin.module.js'),
    import('../../webhooks/webhook-registry.js'),
  ]);
  return withModules(settings, [WebhookAdminModule], async (broker) => {
    const rotated = await broker
      .get(WebhookRegistry)
      .rotate(idOrName, secret, overlap * 1000)
      .catch(explain);
    if (!rotated) throw noWebhook(idOrName);
    const { webhook, until } = rotated;
    const shown = isNew ? shownSecret(secret) : null;
    return {
      text: [
        ...(shown === null
          ? [`The webhook ${webhook.name} has the new secret.`]
          : [
              `The new secret of the webhook ${webhook.name} is:`,
              `\n  ${shown}\n`,
              'It is not shown again.',
            ]),
        overlap > 0
          ? `The old one signs as well until ${moment(until)}.`
          : 'The old one signs nothing any more.',
      ].join('\n'),
      json: {
        id: webhook.id,
        name: webhook.name,
        ...(shown === null ? {} : { secret: shown }),
        overlap_until: overlap > 0 ? until : null,
      },
    };
  });
}
