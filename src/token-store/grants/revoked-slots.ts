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

/** How many grants of others its parts have ended that an interruption left committed; those that another revocation ended are not its own. */
export async function countAudited(tx: Transaction, { id, begunAt }: Revocation): Promise<number> {
  const [row] = await tx.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM audit_trail
    WHERE action = 'grant.disconnect' AND details->>'revocation' = ${id} AND at > ${begunAt.toISOString()}::timestamptz - interval '1 day'`;
  return row?.count ?? 0;
}
