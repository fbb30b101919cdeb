import type { Diagnosis, Grant } from '../../domain/grant/grant.js';
import { type UserOrAll, whereUser } from '../client/change-by-user.js';
import { toJson } from '../client/database.js';
import type { Prisma } from '../prisma-client/client.js';
import { NO_LEASE, NOT_REVOKING } from './grant-row.js';

/*
 * What every end of a grant writes. Does not own when one ends: a refresh that Google refuses (refresh-lease.repository.ts,
 * markDead), a revocation (finish-revocation.ts), a security event (security-events/account-remediations.ts) or a
 * disconnect (grants.repository.ts, delete).
 */

/** The columns of a dead grant. */
export function deadColumns(status: 'reconnect_required' | 'revoked', diagnosis: Diagnosis) {
  return {
    ...NO_LEASE,
    ...NOT_REVOKING,
    status,
    diagnosis: toJson(diagnosis),
    sealedRefreshToken: null,
    refreshTokenExpiresAt: null,
    credentialVersion: null,
  };
}

/** A disconnected grant, as its event shows it. */
export function disconnected(grant: Grant): Grant {
  return { ...grant, status: 'revoked', diagnosis: grant.status === 'revoking' ? null : grant.diagnosis };
}

/**
 * Deletes a grant, and takes it out of the ledger, which keeps its slots. In the transaction of the change.
 * @param lastUsedAt of its refresh token, which is not current any more
 */
export async function deleteGrant(
  tx: Prisma.TransactionClient,
  { userId, id }: Pick<Grant, 'userId' | 'id'>,
  lastUsedAt: Date,
): Promise<void> {
  await tx.refreshToken.updateMany({
    where: { userId, grantId: id, current: true },
    data: { current: false, lastUsedAt, mac: null },
  });
  await deleteGrants(tx, userId, [id]);
}

/** The same where their tokens have ended. */
export async function deleteGrants(
  tx: Prisma.TransactionClient,
  user: UserOrAll,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  const grantId = { in: [...ids] };
  await tx.refreshToken.updateMany({ where: { ...whereUser(user), grantId }, data: { grantId: null } });
  await tx.grant.deleteMany({ where: { ...whereUser(user), id: grantId } });
}

/** Deletes the access tokens of dead grants and frees their slots. In the transaction of the change. */
export async function endTokens(
  tx: Prisma.TransactionClient,
  user: UserOrAll,
  grantIds: string[],
  endReason: string,
  now: Date,
): Promise<void> {
  if (grantIds.length === 0) return;
  await tx.accessToken.deleteMany({ where: { ...whereUser(user), grantId: { in: grantIds } } });
  await tx.refreshToken.updateMany({
    where: { ...whereUser(user), grantId: { in: grantIds }, endedAt: null },
    data: { endedAt: now, endReason },
  });
  // Also where the ledger recorded the end before: it must not become current again.
  await tx.refreshToken.updateMany({
    where: { ...whereUser(user), grantId: { in: grantIds }, mac: { not: null } },
    data: { mac: null },
  });
}
