import { Command } from 'commander';
import { RIGHTS } from '../../domain/access/policy.js';
import type { StoredService } from '../../token-store/services/services.repository.js';
import { type CommandResult, printResult, table } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker service list
  token-broker service list --json | jq '.services[] | select(.revoked_at == null) | .name'

ALSO shows the rights that --allow gave. PROVEN BY shows how a service authenticates: with a key of the broker, or as a
subject of an issuer of JWTs. Keys are not listed: the broker stores only their hashes.`;

export function serviceList(): Command {
  return new Command('list')
    .description('List services, how they authenticate, and what they may request')
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

async function list(): Promise<CommandResult> {
  const { ServicesRepository } = await import('../../token-store/services/services.repository.js');
  const { services, unverified } = await withBroker(async (broker) => {
    const repository = broker.get(ServicesRepository);
    const services: StoredService[] = [];
    for await (const batch of repository.list()) services.push(...batch);
    return { services, unverified: await repository.listUnverified() };
  });
  return {
    text: [
      services.length > 0
        ? inTable(services)
        : 'There are no services. Create one with `token-broker service create`.',
      ...(unverified.length > 0 ? [UNVERIFIED, inTable(unverified)] : []),
    ].join('\n\n'),
    json: {
      services: services.map(describe),
      unverified: unverified.map(describe),
    },
  };
}

const UNVERIFIED =
  'NOT VERIFIED: the broker did not write these rows, or not like this, or not with this key ring. It refuses them.\n' +
  'End each with `token-broker service revoke`; or, after an update from a version without MACs, look at them and run\n' +
  '`token-broker keys reseal --adopt`.';

function describe({ id, name, credential, policy, createdAt, revokedAt }: StoredService) {
  return {
    id,
    name,
    identity: credential.kind === 'key' ? null : { issuer: credential.issuer, subject: credential.subject },
    policy,
    created_at: createdAt,
    revoked_at: revokedAt,
  };
}

function inTable(services: readonly StoredService[]): string {
  return table(
    ['ID', 'NAME', 'CREATED', 'STATE', 'PROVEN BY', 'CLIENTS', 'USERS', 'ALSO', 'SCOPES'],
    services.map(({ id, name, credential, policy, createdAt, revokedAt }) => [
      id,
      name,
      day(createdAt),
      revokedAt ? `revoked ${day(revokedAt)}` : 'active',
      credential.kind === 'key' ? 'key' : `${credential.subject} of ${credential.issuer}`,
      policy.clients.join(' '),
      policy.users.join(' '),
      RIGHTS.filter((right) => policy[right]).join(' ') || '-',
      policy.scopes.join(' '),
    ]),
  );
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10);
}
