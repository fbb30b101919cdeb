import { Command } from 'commander';
import { type CredentialState, credentialState } from '../../domain/access/delegation.js';
import type { ListedCredential } from '../../token-store/services/delegated-credentials.repository.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { table } from '../shared/table.js';
import { count, day } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker credential list
  token-broker credential list --service reports --user alice
  token-broker credential list --json | jq '.credentials[] | \\
    select(.state == "active") | .id'

The newest first. Those that expired or were revoked are listed for 30 days.
USED is exact to the hour. A row that is NOT VERIFIED was changed outside the
broker, which refuses its handle: revoke it.`;

interface Options {
  readonly service?: string;
  readonly user?: string;
  readonly limit: number;
}

export function credentialList(): Command {
  return new Command('list')
    .description('List delegated credentials')
    .option('--service <id-or-name>', 'only those of this service')
    .option('--user <id>', 'only those of this user')
    .option('--limit <count>', 'how many at most', count, 500)
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

function list({ service: idOrName, user, limit }: Options): Promise<TableResult> {
  return withBroker(async (broker) => {
    const { Clock } = await import('../../domain/ports/clock.js');
    const { ServicesRepository } = await import('../../token-store/services/services.repository.js');
    const { DelegatedCredentialsRepository } =
      await import('../../token-store/services/delegated-credentials.repository.js');
    const services = broker.get(ServicesRepository);
    const named = idOrName === undefined ? null : await services.findNamed(idOrName);
    if (idOrName !== undefined && !named)
      throw new Failure(EXIT.notFound, 'service_not_found', `There is no service ${idOrName}.`);
    const { items, next } = await broker.get(DelegatedCredentialsRepository).list({
      serviceId: named?.id ?? null,
      userId: user ?? null,
      after: null,
      limit,
    });
    const names = new Map<string, string>();
    for await (const batch of services.list()) for (const { id, name } of batch) names.set(id, name);
    const now = broker.get(Clock).now();
    const rows = items.map((item) => ({
      ...item,
      state: stateOf(item, now),
      service: names.get(item.serviceId),
    }));
    return {
      text: (width) =>
        [
          rows.length > 0
            ? inTable(rows, width)
            : 'There are no such credentials. Create one with `token-broker credential create`.',
          ...(next ? [`There are more: raise --limit, or name a service or a user.`] : []),
        ].join('\n\n'),
      json: { credentials: rows.map(describe), has_more: next !== null },
    };
  });
}

type State = CredentialState | 'not verified';
type Row = ListedCredential & { readonly state: State; readonly service: string | undefined };

function stateOf(credential: ListedCredential, now: Date): State {
  return credential.isVerified ? credentialState(credential, now) : 'not verified';
}

function describe({ id, state, service, userId, client, account, scopes, ...times }: Row) {
  const { createdAt, expiresAt, revokedAt, lastUsedAt } = times;
  return {
    id,
    state,
    service: service ?? times.serviceId,
    user_id: userId,
    client,
    account,
    scopes,
    created_at: createdAt,
    expires_at: expiresAt,
    revoked_at: revokedAt,
    last_used_at: lastUsedAt,
  };
}

function inTable(rows: readonly Row[], width: number): string {
  return table(
    [
      { heading: 'ID' },
      { heading: 'SERVICE', cut: true },
      { heading: 'STATE' },
      { heading: 'EXPIRES' },
      { heading: 'USED', optional: true },
      { heading: 'CLIENT', cut: true },
      { heading: 'USER', cut: true },
      { heading: 'SCOPES', cut: true, optional: true },
    ],
    rows.map(({ id, service, serviceId, state, expiresAt, lastUsedAt, client, userId, scopes }) => [
      id,
      service ?? serviceId,
      state === 'not verified' ? 'NOT VERIFIED' : state,
      day(expiresAt),
      lastUsedAt ? day(lastUsedAt) : '-',
      client ?? '-',
      userId,
      scopes.join(' ') || '-',
    ]),
    width,
  );
}
