/**
 * Which refresh tokens a revocation has ended, in the slot ledger and in its own row. In the transaction that ends their grants: what a
 * crash between two users leaves is finished from there. Owns no grant (finish-revocation.ts).
 */
import { REVOKED_WITH_SIBLING } from '../../domain/grant/diagnosis.js';
import { userCondition, type UserOrAll } from '../client/change-by-user.js';
import type { Prisma, Revocation } from '../prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

/** That Google has ended all tokens up to a sequence. Where two attempts found that out, each of its own tokens, both are right. */
export async function keepConfirmed(tx: Transaction, id: string, newest: bigint): Promise<void> {
  await tx.$executeRaw`
    UPDATE revocations SET confirmed = true,
      last_sequence = CASE WHEN confirmed THEN greatest(last_sequence, ${newest}::bigint) ELSE ${newest}::bigint END
    WHERE id = ${id}::uuid AND finished_at IS NULL`;
}

/** Those of grants that ended with the one that was disconnected: without a MAC they are not used again. */
export async function endSiblingSlots(
  tx: Transaction,
  user: UserOrAll,
  grantIds: readonly string[],
  newest: bigint,
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE refresh_tokens SET mac = NULL,
      ended_at = CASE WHEN sequence <= ${newest} THEN coalesce(ended_at, ${now.toISOString()}::timestamptz) ELSE ended_at END,
      end_reason = CASE WHEN sequence <= ${newest} AND ended_at IS NULL THEN ${REVOKED_WITH_SIBLING.cause} ELSE end_reason END
    WHERE ${userCondition(user)} AND grant_id = ANY(${[...grantIds]}::uuid[])`;
}

/** All others of the account, also those that no grant uses any more. */
export async function endSlots(
  tx: Transaction,
  { accountSub, clients }: Revocation,
  newest: bigint,
  now: Date,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE refresh_tokens SET ended_at = ${now.toISOString()}::timestamptz, end_reason = 'revoked'
    WHERE account_sub = ${accountSub} AND client = ANY(${clients}) AND ended_at IS NULL AND sequence <= ${newest}`;
}

/** How many other grants have ended since it began. Its own may have: another revocation of the account ended it first. */
export async function countEndedSiblings(
  tx: Transaction,
  { accountSub, clients, begunAt, grantId }: Revocation,
): Promise<number> {
  const ended = { endReason: REVOKED_WITH_SIBLING.cause, endedAt: { gte: begunAt } };
  const rows = await tx.refreshToken.findMany({
    // Rows without a grant do not match either.
    where: { accountSub, client: { in: clients }, ...ended, grantId: { not: grantId } },
    distinct: ['grantId'],
    select: { grantId: true },
  });
  return rows.length;
}
