import { Command } from 'commander';
import type { Grant } from '../../domain/grant/grant.js';
import { inBatches } from '../shared/in-batches.js';
import { withBroker } from '../shared/open-broker.js';
import { type Answer, answers, table } from '../shared/print.js';

const EXAMPLES = `
Examples:
  token-broker service-account list
  token-broker service-account list --json | jq -r '.service_accounts[] | select(.user_id == "alice") | .grant_id'

Keys are not listed: they are sealed, and only a request to Google opens them.`;

export function serviceAccountList(): Command {
  return new Command('list')
    .description('List service accounts that hold access, for whom and with which scopes')
    .addHelpText('after', EXAMPLES)
    .action(answers(list));
}

async function list(): Promise<Answer> {
  const { ServiceAccountsRepository } =
    await import('../../token-store/grants/service-accounts.repository.js');
  const grants = await withBroker((broker) => inBatches(broker.get(ServiceAccountsRepository).list()));
  return {
    text:
      grants.length > 0
        ? inTable(grants)
        : 'No service account holds access. Add one with `token-broker service-account add`.',
    json: {
      service_accounts: grants.map(
        ({ id, userId, client, account, subject, grantedScopes, consentedAt }) => ({
          grant_id: id,
          user_id: userId,
          client,
          account,
          subject,
          scope: grantedScopes.join(' '),
          added_at: consentedAt,
        }),
      ),
    },
  };
}

function inTable(grants: readonly Grant[]): string {
  return table(
    ['GRANT', 'USER', 'CLIENT', 'ADDED', 'SERVICE ACCOUNT', 'ACTS FOR', 'SCOPES'],
    grants.map(({ id, userId, client, account, subject, grantedScopes, consentedAt }) => [
      id,
      userId,
      client,
      consentedAt.toISOString().slice(0, 10),
      account.email ?? account.sub,
      subject ?? 'itself',
      grantedScopes.join(' '),
    ]),
  );
}
