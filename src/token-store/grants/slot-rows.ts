/**
 * What a row of the slot ledger says: whether Google counts its token, and the names that Google has for it. Does not own who writes
 * it (slot-bookings.ts).
 */
import { createHash } from 'node:crypto';
import { INACTIVITY_SECONDS } from '../../domain/grant/slots.js';
import { Secret } from '../../domain/secret.js';
import type { Sealer } from '../../sealing/sealer.js';
import type { Prisma } from '../prisma-client/client.js';

/** What Google counts as live: not ended, not expired, and used within six months where it is not current. */
export function live(now: Date): Prisma.RefreshTokenWhereInput {
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
