import { Command } from 'commander';
import { RIGHTS } from '../../domain/access/policy.js';
import type { ServiceUsage } from '../../token-store/services/service-usage.repository.js';
import type { StoredService } from '../../token-store/services/services.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
import { table, wrapped } from '../shared/table.js';
import { day } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker service list
  token-broker service list --json | jq '.services[] | \\
    select(.revoked_at == null) | .name'

USED is when a service called last, exact to the hour, and CALLS 24H how often
in the last 24 hours; - is not within 31 days. ALSO shows the rights that
--allow gave. PROVEN BY shows how a service authenticates: with a key of the
broker, or as a subject of an issuer of JWTs. Keys are not listed: the broker
stores only their hashes.`;

export function serviceList(): Command {
  return new Command('list')
    .description('List services, how they authenticate, and what they may request')
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

async function list(): Promise<TableResult> {
  const [{ ServicesRepository }, { ServiceUsageRepository }, { DelegatedCredentialsRepository }, { Clock }] =
    await Promise.all([
      import('../../token-store/services/services.repository.js'),
      import('../../token-store/services/service-usage.repository.js'),
      import('../../token-store/services/delegated-credentials.repository.js'),
      import('../../domain/ports/clock.js'),
    ]);
  const { services, unverified, usage, credentials } = await withBroker(async (broker) => {
    const repository = broker.get(ServicesRepository);
    const services: StoredService[] = [];
    for await (const batch of repository.list()) services.push(...batch);
    const ids = services.map(({ id }) => id);
    const now = broker.get(Clock).now();
    const usage = await broker.get(ServiceUsageRepository).of(ids, now);
    const credentials = await broker.get(DelegatedCredentialsRepository).countUsable(ids, now);
    return { services, unverified: await repository.listUnverified(), usage, credentials };
  });
  const toJson = (service: StoredService) => ({
    ...describe(service, usage.get(service.id)),
    credentials: credentials.get(service.id) ?? 0,
  });
  return {
    text: (width) =>
      [
        services.length > 0
          ? inTable(services, usage, width)
          : 'There are no services. Create one with `token-broker service create`.',
        ...(unverified.length > 0 ? [wrapped(UNVERIFIED, width), inTable(unverified, usage, width)] : []),
      ].join('\n\n'),
    json: {
      services: services.map(toJson),
      unverified: unverified.map(toJson),
    },
  };
}

const UNVERIFIED =
  'NOT VERIFIED: the broker did not write these rows, or not like this, or not with this key ring. It refuses them. ' +
  'End each with `token-broker service revoke`; or, after an update from a version without MACs, look at them and run ' +
  '`token-broker keys reseal --adopt`.';

function describe(
  { id, name, credential, policy, createdAt, revokedAt }: StoredService,
  usage: ServiceUsage | undefined,
) {
  return {
    id,
    name,
    identity: credential.kind === 'key' ? null : { issuer: credential.issuer, subject: credential.subject },
    policy,
    created_at: createdAt,
    revoked_at: revokedAt,
    last_used_at: usage?.lastUsedAt ?? null,
    calls_24h: usage?.callsOfDay ?? 0,
  };
}

function inTable(
  services: readonly StoredService[],
  usage: ReadonlyMap<string, ServiceUsage>,
  width: number,
): string {
  return table(
    [
      { heading: 'ID' },
      { heading: 'NAME', cut: true },
      { heading: 'STATE', cut: true },
      { heading: 'USED' },
      { heading: 'CALLS 24H', optional: true },
      { heading: 'CREATED', optional: true },
      { heading: 'PROVEN BY', cut: true, optional: true },
      { heading: 'CLIENTS', cut: true, optional: true },
      { heading: 'USERS', cut: true },
      { heading: 'ALSO', cut: true, optional: true },
      { heading: 'SCOPES', cut: true },
    ],
    services.map(({ id, name, credential, policy, createdAt, revokedAt }) => [
      id,
      name,
      revokedAt ? `revoked ${day(revokedAt)}` : 'active',
      dayOf(usage.get(id)),
      String(usage.get(id)?.callsOfDay ?? 0),
      day(createdAt),
      credential.kind === 'key' ? 'key' : `${credential.subject} of ${credential.issuer}`,
      policy.clients.join(' '),
      policy.users.join(' '),
      RIGHTS.filter((right) => policy[right]).join(' ') || '-',
      policy.scopes.join(' '),
    ]),
    width,
  );
}

function dayOf(usage: ServiceUsage | undefined): string {
  return usage ? day(usage.lastUsedAt) : '-';
}
