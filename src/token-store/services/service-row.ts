/** Rows of services and what they mean, and their writes, each of which signs. Does not own who reads them (services.repository.ts). */
import type { Policy, Right, Service } from '../../domain/access/policy.js';
import type { Sealer } from '../../sealing/sealer.js';
import type { Prisma, Service as Row } from '../prisma-client/client.js';
import { serviceMac } from './service-mac.js';

/** How a service authenticates: a key of the broker's, or an identity of its platform (the issuer and subject of a JWT). */
export type ServiceCredential =
  | { readonly kind: 'key'; readonly keyHash: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'identity'; readonly issuer: string; readonly subject: string };

export interface StoredService extends Service {
  readonly credential: ServiceCredential;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export interface NewService {
  readonly id: string;
  readonly name: string;
  readonly credential: ServiceCredential;
  readonly policy: Policy;
  readonly createdAt: Date;
}

/** A revoked service has no key hash any more; no key has an empty one. */
const NO_KEY = new Uint8Array();

export function fromRow(stored: Row): StoredService {
  const { id, name, createdAt, revokedAt, clients, scopes, users, keyHash, issuer, subject } = stored;
  return {
    id,
    name,
    createdAt,
    revokedAt,
    policy: { clients, scopes, users, ...rightsOf(stored) },
    credential:
      issuer === null
        ? { kind: 'key', keyHash: keyHash ?? NO_KEY }
        : { kind: 'identity', issuer, subject: subject ?? '' },
  };
}

export async function insertService(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  { policy, credential, ...service }: NewService,
): Promise<void> {
  const columns = {
    ...service,
    ...(credential.kind === 'key'
      ? { keyHash: new Uint8Array(credential.keyHash) }
      : { issuer: credential.issuer, subject: credential.subject }),
    ...columnsOf(policy),
  };
  // As the database keeps it, defaults included.
  const row = await tx.service.create({ data: columns });
  await tx.service.update({ where: { id: row.id }, data: { mac: serviceMac(sealer, row) } });
}

/** Gives an active service another policy, or the identity another subject. @param row as it was read in this transaction */
export async function changeService(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  row: Row,
  { policy, credential }: Pick<NewService, 'policy' | 'credential'>,
): Promise<void> {
  const identity =
    credential.kind === 'identity' ? { issuer: credential.issuer, subject: credential.subject } : {};
  const columns = { ...columnsOf(policy), ...identity };
  const mac = serviceMac(sealer, { ...row, ...columns });
  await tx.service.update({ where: { id: row.id, mac: row.mac }, data: { ...columns, mac } });
}

/** @returns false when no active service has this id */
export async function revokeService(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  id: string,
  now: Date,
): Promise<boolean> {
  const row = await tx.service.findUnique({ where: { id } });
  if (!row || row.revokedAt) return false;
  const ended = { ...row, revokedAt: now, keyHash: null };
  // Undoing the revocation in the database would need the old hash and the old MAC: both are deleted.
  const { count } = await tx.service.updateMany({
    where: { id, revokedAt: null },
    data: { revokedAt: now, keyHash: null, mac: serviceMac(sealer, ended) },
  });
  return count > 0;
}

function columnsOf(policy: Policy) {
  return {
    clients: [...policy.clients],
    scopes: [...policy.scopes],
    users: [...policy.users],
    ...rightsOf(policy),
  };
}

function rightsOf(held: Readonly<Record<Right, boolean>>): Record<Right, boolean> {
  const { audit, disconnect, revoke, force, import: mayImport } = held;
  return { audit, disconnect, revoke, force, import: mayImport };
}
