/*
 * Google keeps 100 live refresh tokens per account and client (SLOT_LIMIT); one more silently revokes the oldest:
 * https://developers.google.com/identity/protocols/oauth2#expiration. The ledger records every one that Google issued.
 */

/** Google revokes a refresh token that was not used for six months. */
export const INACTIVITY_SECONDS = 183 * 24 * 3600;

/** A refresh token that Google counts as live, as far as the ledger knows. */
export interface LiveToken {
  readonly grantId: string | null;
  readonly userId: string | null;
  readonly client: string;
  readonly issuedAt: Date;
  /** Whether the grant still refreshes with it; otherwise a newer one replaced it, or the grant was deleted. */
  readonly current: boolean;
}

export interface Slots {
  readonly limit: number;
  readonly used: number;
  readonly free: number;
  readonly nearlyFull: boolean;
  /** The token that the next new one would evict; null while slots are free. */
  readonly evicted: LiveToken | null;
  /** The oldest, and so the next to be evicted. */
  readonly oldest: LiveToken | null;
}

const NEARLY_FULL = 0.9;

/** @param live the tokens of one account and client, oldest first */
export function slotsOf(live: readonly LiveToken[], limit: number): Slots {
  const used = Math.min(live.length, limit);
  const oldest = live[0] ?? null;
  return {
    limit,
    used,
    free: limit - used,
    nearlyFull: isNearlyFull(used, limit),
    evicted: used >= limit ? oldest : null,
    oldest,
  };
}

export function isNearlyFull(used: number, limit: number): boolean {
  return used >= Math.ceil(limit * NEARLY_FULL);
}

/** Whether a new token would evict one that another user still uses. */
export function wouldHarmAnother(slots: Slots, userId: string): boolean {
  const { evicted } = slots;
  return evicted !== null && evicted.current && evicted.userId !== null && evicted.userId !== userId;
}
