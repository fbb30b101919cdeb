import { Injectable } from '@nestjs/common';
import { userCondition, type UserOrAll, whereUser } from '../client/change-by-user.js';
import { Prisma, type Revocation as Row } from '../prisma-client/client.js';
import { ResealCredentials } from './reseal-credentials.js';
import { SlotBookings } from './slot-bookings.js';

type Transaction = Prisma.TransactionClient;

/** Which grants a revocation concerns: those of the account under the clients, or, where no client is named, the one that was disconnected alone. */
export type RevocationScope = Pick<Row, 'grantId' | 'consentedAt' | 'accountSub' | 'clients'>;

export function whereConcerned({
  grantId,
  consentedAt,
  accountSub,
  clients,
}: RevocationScope): Prisma.GrantWhereInput {
  return clients.length === 0 ? { id: grantId, consentedAt } : { accountSub, client: { in: clients } };
}

/** The same in SQL, of a grant. */
export function isConcerned({ grantId, consentedAt, accountSub, clients }: RevocationScope): Prisma.Sql {
  return clients.length === 0
    ? Prisma.sql`id = ${grantId}::uuid AND consented_at = ${consentedAt.toISOString()}::timestamptz`
    : Prisma.sql`account_sub = ${accountSub} AND client = ANY(${clients})`;
}

/**
 * The mark on each grant that a revocation concerns: while it is there, no replica issues a token of the grant. Owns no attempt
 * (revocations.repository.ts), nor what becomes of a mark (finish-revocation.ts).
 */
@Injectable()
export class RevocationMarks {
  constructor(
    private readonly ledger: SlotBookings,
    private readonly resealCredentials: ResealCredentials,
  ) {}

  /**
   * Marks grants that are not marked for this revocation yet. Their access tokens are deleted, and their refresh tokens sealed as
   * those of grants under revocation.
   * @returns the ids
   */
  async mark(
    tx: Transaction,
    user: UserOrAll,
    { id, ...about }: Pick<Row, 'id'> & RevocationScope,
  ): Promise<string[]> {
    if (user !== null) {
      // Another replica may have finished it since the part before: a mark would stay.
      const open = await tx.$queryRaw<object[]>`
        SELECT id FROM revocations WHERE id = ${id}::uuid AND finished_at IS NULL FOR SHARE`;
      if (open.length === 0) return [];
    }
    await this.ledger.lockAll(tx, about.accountSub, about.clients);
    const found = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM grants
      WHERE ${userCondition(user)} AND ${isConcerned(about)} AND kind = 'user'
        AND status IN ('active', 'suspended') AND revocation_id IS DISTINCT FROM ${id}::uuid
      ORDER BY id FOR UPDATE`;
    if (found.length === 0) return [];
    const ids = found.map((row) => row.id);
    const before = await tx.grant.findMany({ where: { ...whereUser(user), id: { in: ids } } });
    await tx.accessToken.deleteMany({ where: { ...whereUser(user), grantId: { in: ids } } });
    await tx.$executeRaw`
      UPDATE grants SET revocation_id = ${id}::uuid, revoking_from = coalesce(revoking_from, status), status = 'suspended',
        version = version + 1, lease_owner = NULL, lease_expires_at = NULL, lease_awaited = false, refresh_failures = 0
      WHERE ${userCondition(user)} AND id = ANY(${ids}::uuid[])`;
    await this.resealCredentials.reseal(tx, user, before);
    return ids;
  }
}

/** The newest refresh token of an account. */
export async function newestToken(tx: Transaction, accountSub: string, clients: string[]): Promise<bigint> {
  // All of them, said as the two halves that have an index.
  const { _max: found } = await tx.refreshToken.aggregate({
    where: { accountSub, client: { in: clients }, OR: [{ endedAt: null }, { endedAt: { not: null } }] },
    _max: { sequence: true },
  });
  return found.sequence ?? 0n;
}

/**
 * Before Google is asked: where each user is a transaction of its own (client/change-by-user.ts), one that is marked may have consented, or
 * got a new refresh token, after the attempt was taken. Not where an attempt that was slow was confirmed meanwhile: what that ended
 * is known.
 */
export async function keepNewest(
  tx: Transaction,
  { id, accountSub, clients }: Pick<Row, 'id' | 'accountSub' | 'clients'>,
  attemptId: string,
): Promise<bigint> {
  const lastSequence = await newestToken(tx, accountSub, clients);
  await tx.revocation.updateMany({ where: { id, attemptId, confirmed: false }, data: { lastSequence } });
  return lastSequence;
}

/** The newest one that ended. From other dead tokens it is inferred that an attempt was carried out, perhaps the first. */
export function newestDead({ firstSequence, lastSequence }: Row, isInferred: boolean): bigint {
  return isInferred ? firstSequence : lastSequence;
}

/** Holds for a grant whose refresh token is as old as an attempt: dead if that attempt was carried out. */
export function hasTokenUpTo(sequence: bigint): Prisma.Sql {
  return Prisma.sql`coalesce((SELECT max(sequence) FROM refresh_tokens
    WHERE refresh_tokens.user_id = grants.user_id AND grant_id = grants.id AND current), 0) <= ${sequence}`;
}

/** Whose grants a revocation concerns, each with when they consented. */
export async function usersOf(tx: Transaction, revocation: RevocationScope): Promise<Map<string, string>> {
  const rows = await tx.grant.findMany({
    where: { ...whereConcerned(revocation), kind: 'user' },
    select: { userId: true, consentedAt: true },
    orderBy: { id: 'asc' },
  });
  return consents(rows);
}

/** @param rows those of one user always in the same order */
export function consents(rows: readonly { userId: string; consentedAt: Date }[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { userId, consentedAt } of rows)
    found.set(userId, `${found.get(userId) ?? ''} ${consentedAt.toISOString()}`);
  return found;
}
