import { Command } from 'commander';
import type { Grant } from '../../domain/grant/grant.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
import { table } from '../shared/table.js';

const EXAMPLES = `
Examples:
  token-broker service-account list
  token-broker service-account list --json | jq -r \\
    '.service_accounts[] | select(.user_id == "alice") | .grant_id'

Keys are not listed: they are sealed, and opened only for a request to Google.`;

export function serviceAccountList(): Command {
  return new Command('list')
    .description('List service accounts, with the users and scopes that they give access to')
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

async function list(): Promise<TableResult> {
  const { ServiceAccountsRepository } =
    await import('../../token-store/grants/service-accounts.repository.js');
  const grants: Grant[] = [];
  await withBroker(async (broker) => {
    for await (const batch of broker.get(ServiceAccountsRepository).list()) grants.push(...batch);
  });
  return {
    text: (width) =>
      grants.length > 0
        ? inTable(grants, width)
        : 'There are no service accounts. Add one with `token-broker service-account add`.',
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

function inTable(grants: readonly Grant[], width: number): string {
  return table(
    [
      { heading: 'GRANT' },
      { heading: 'USER', cut: true },
      { heading: 'CLIENT', cut: true, optional: true },
      { heading: 'ADDED', optional: true },
      { heading: 'SERVICE ACCOUNT', cut: true },
      { heading: 'ACTS FOR', cut: true, optional: true },
      { heading: 'SCOPES', cut: true, optional: true },
    ],
    grants.map(({ id, userId, client, account, subject, grantedScopes, consentedAt }) => [
      id,
      userId,
      client,
      consentedAt.toISOString().slice(0, 10),
      account.email ?? account.sub,
      subject ?? 'itself',
      grantedScopes.join(' '),
    ]),
    width,
  );
}
