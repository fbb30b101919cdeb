import { Command } from 'commander';
import { BrokerError } from '../../domain/errors.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import {
  addBrandingOptions,
  BRANDING_HELP,
  type BrandingOptions,
  brandingAsJson,
  readBranding,
  wrongOptions,
} from './branding-options.js';

const EXAMPLES = `
Examples:
  token-broker service update reports --display-name 'Acme Reports' \\
    --colour '#0b7a4b'
  token-broker service update reports --logo ./logo.png \\
    --privacy https://acme.example/privacy
  token-broker service update reports --logo ''
${BRANDING_HELP}

What is not named stays as it is; an empty value removes it. Pages show it from
then on. The name by which the service is administered, its key and its policy
do not change.`;

export function serviceUpdate(): Command {
  const command = new Command('update')
    .description('Change how a service shows itself to users')
    .argument('<id-or-name>', 'as `token-broker service list` shows it');
  return addBrandingOptions(command).addHelpText('after', EXAMPLES).action(printResult(update));
}

async function update(idOrName: string, options: BrandingOptions): Promise<CommandResult> {
  const changes = readBranding(options);
  if (changes === null) {
    throw wrongUsage('nothing to change: name --display-name, --logo, --colour, --privacy or --support.');
  }
  return withBroker(async (broker) => {
    const { BrandingRegistry } = await import('../../services/branding-registry.js');
    const updated = await broker
      .get(BrandingRegistry)
      .update(idOrName, changes)
      .catch((error: unknown) => {
        throw error instanceof BrokerError ? wrongOptions(error) : error;
      });
    if (!updated) {
      throw new Failure(
        EXIT.notFound,
        'service_not_found',
        `There is no active service ${idOrName}. \`token-broker service list\` shows all of them.`,
      );
    }
    const { id, name, branding } = updated;
    const shown = brandingAsJson(branding);
    return {
      text: [
        `Users see the service ${name} as`,
        ...Object.entries(shown).map(([member, value]) => `  ${member.padEnd(12)}  ${String(value ?? '-')}`),
      ].join('\n'),
      json: { id, name, branding: shown },
    };
  });
}
