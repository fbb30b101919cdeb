import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker service-account remove 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11

The broker deletes the key and its tokens at once. Google is not notified:
tokens that services already have stay valid for up to an hour, and the key
until it is deleted in the Google console (IAM, Service Accounts, Keys).`;

export function serviceAccountRemove(): Command {
  return new Command('remove')
    .description('Delete the key of a service account from the broker')
    .argument('<grant>', 'its grant, as `token-broker service-account list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(remove));
}

function remove(grantId: string): Promise<CommandResult> {
  return withBroker(async (broker) => {
    const { ServiceAccountRegistry } = await import('../../service-accounts/service-account-registry.js');
    const grant = await broker.get(ServiceAccountRegistry).remove(grantId);
    if (!grant) {
      throw new Failure(
        EXIT.notFound,
        'service_account_not_found',
        `No service account has the grant ${grantId}. \`token-broker service-account list\` shows all of them.`,
      );
    }
    const { userId, client, account } = grant;
    const name = account.email ?? account.sub;
    return {
      text:
        `The broker deleted the key of ${name} for the user ${userId} (client ${client}).\n` +
        'The key stays valid at Google: delete it in the Google console if nothing else uses it.',
      json: { grant_id: grantId, user_id: userId, client, account },
    };
  });
}
