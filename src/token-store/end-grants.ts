import type { Diagnosis } from '../domain/grant.js';
import { NO_LEASE } from './grant-row.js';
import { toJson } from './json.js';
import type { Prisma } from './prisma-client/client.js';

/** The columns of a grant that died. */
export function dead(status: 'reconnect_required' | 'revoked', diagnosis: Diagnosis) {
  return {
    ...NO_LEASE,
    status,
    diagnosis: toJson(diagnosis),
    sealedRefreshToken: null,
    refreshTokenExpiresAt: null,
  };
}

/** Nothing of a dead grant may be handed out, and its slots at Google are free. */
export async function endTokens(
  tx: Prisma.TransactionClient,
  grantIds: string[],
  endReason: string,
  now: Date,
): Promise<void> {
  await tx.accessToken.deleteMany({ where: { grantId: { in: grantIds } } });
  await tx.refreshToken.updateMany({
    where: { grantId: { in: grantIds }, endedAt: null },
    data: { endedAt: now, endReason },
  });
}
