import { Command } from 'commander';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { type Answer, answers } from '../shared/print.js';

const EXAMPLES = `
Examples:
  token-broker service-account remove 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11

The broker forgets the key and its tokens at once. Google is not told: tokens that services have already live up to an
hour, and the key stays good until it is deleted in the Google console (IAM, Service Accounts, Keys).`;

export function serviceAccountRemove(): Command {
  return new Command('remove')
    .description('Forget the key of a service account')
    .argument('<grant>', 'its grant, as `token-broker service-account list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(answers(remove));
}

function remove(grantId: string): Promise<Answer> {
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
        `The broker forgot the key of ${name} for the user ${userId} (client ${client}).\n` +
        'The key itself is good still: delete it in the Google console if nobody else uses it.',
      json: { grant_id: grantId, user_id: userId, client, account },
    };
  });
}
