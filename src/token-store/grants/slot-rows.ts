/**
 * What a row of the slot ledger says: whether Google counts its token, who named its account, and the names that Google has for it. Does not
 * own who writes it (slot-bookings.ts).
 */
import { createHash } from 'node:crypto';
import type { Grant } from '../../domain/grant/grant.js';
import { INACTIVITY_SECONDS } from '../../domain/grant/slots.js';
import { Secret } from '../../domain/secret.js';
import type { Sealer } from '../../sealing/sealer.js';
import { Prisma } from '../prisma-client/client.js';

/** In a row: only the caller of an import named the account. An unverified id_token did, where the age is known: that came from Google. */
export const NAMED_BY_CALLER = { accountVerified: false, ageUnknown: true } as const;

/** In SQL, of a grant. One of a consent is always of the account that Google named. */
export const IS_ACCOUNT_BY_GOOGLE = Prisma.sql`(imported_at IS NULL OR EXISTS (SELECT 1 FROM refresh_tokens
  WHERE refresh_tokens.user_id = grants.user_id AND grant_id = grants.id AND current AND account_verified))`;

/**
 * Whether only the caller of an import named the account of a grant: other grants of that account are not known to be of the same one. So
 * is an imported grant whose token is in the ledger for another user.
 */
export async function isNamedByCaller(
  tx: Prisma.TransactionClient,
  { userId, id: grantId, importedAt }: Pick<Grant, 'userId' | 'id' | 'importedAt'>,
): Promise<boolean> {
  if (importedAt === null) return false;
  const byGoogle = { userId, grantId, current: true, accountVerified: true };
  return (await tx.refreshToken.count({ where: byGoogle })) === 0;
}

/** What counts for a slot of the account: what is live, except what only the caller of an import said to be of this account. */
export function live(now: Date): Prisma.RefreshTokenWhereInput {
  return { ...usable(now), NOT: NAMED_BY_CALLER };
}

/** What Google counts as live: not ended, not expired, and used within six months where it is not current. */
export function usable(now: Date): Prisma.RefreshTokenWhereInput {
  return {
    endedAt: null,
    AND: [
      { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
      {
        OR: [{ current: true }, { lastUsedAt: { gt: new Date(now.getTime() - INACTIVITY_SECONDS * 1000) } }],
      },
    ],
  };
}

/** The names that Cross-Account Protection gives a token (`token_identifier_alg`), as keyed digests. */
export function riscNames(sealer: Sealer, token: Secret) {
  const text = token.reveal();
  const twice = createHash('sha512').update(createHash('sha512').update(text).digest()).digest('base64');
  return {
    prefixHash: sealer.fingerprint(new Secret(text.slice(0, 16)), 'risc-prefix'),
    sha512Hash: sealer.fingerprint(new Secret(twice), 'risc-sha512'),
  };
}
