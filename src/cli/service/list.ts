import { Command } from 'commander';
import { RIGHTS } from '../../domain/access/policy.js';
import type { StoredService } from '../../token-store/services/services.repository.js';
import { inBatches } from '../shared/in-batches.js';
import { withBroker } from '../shared/open-broker.js';
import { type Answer, answers, table } from '../shared/print.js';

const EXAMPLES = `
Examples:
  token-broker service list
  token-broker service list --json | jq '.services[] | select(.revoked_at == null) | .name'

ALSO says which rights a service was given with --allow. PROVEN BY says how a service shows who it is: by a key of the broker, or as a subject of an issuer of JWTs.
Keys are not listed: the broker keeps only their hashes, and those stay in the database.`;

export function serviceList(): Command {
  return new Command('list')
    .description('List services, how they prove who they are, and what they may ask for')
    .addHelpText('after', EXAMPLES)
    .action(answers(list));
}

async function list(): Promise<Answer> {
  const { ServicesRepository } = await import('../../token-store/services/services.repository.js');
  const { services, unverified } = await withBroker(async (broker) => {
    const store = broker.get(ServicesRepository);
    return { services: await inBatches(store.list()), unverified: await store.listUnverified() };
  });
  return {
    text: [
      services.length > 0
        ? inTable(services)
        : 'There are no services. Make one with `token-broker service create`.',
      ...(unverified.length > 0 ? [UNVERIFIED, inTable(unverified)] : []),
    ].join('\n\n'),
    json: {
      services: services.map(describe),
      unverified: unverified.map(describe),
    },
  };
}

const UNVERIFIED =
  'NOT VERIFIED: these rows were not written, or not like this, by the broker or with this key ring. The broker turns them\n' +
  'away. End each with `token-broker service revoke`; or, after an update from a version without MACs, look at them and run\n' +
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
      revokedAt ? `revoked ${day(revokedAt)}` : 'in force',
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
