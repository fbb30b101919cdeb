/*
 * Google keeps 100 live refresh tokens per account and client (SLOT_LIMIT); one more silently revokes the oldest:
 * https://developers.google.com/identity/protocols/oauth2#expiration. The ledger records every one that Google issued.
 */

/** Google revokes a refresh token that was not used for six months. */
export const INACTIVITY_SECONDS = 183 * 24 * 3600;

/** A refresh token that Google counts as live, as far as the ledger knows. */
export interface LiveRefreshToken {
  readonly grantId: string | null;
  readonly userId: string | null;
  readonly client: string;
  /** When Google issued it; of an imported one, when it was imported: Google issued it some time before. */
  readonly issuedAt: Date;
  readonly isAgeKnown: boolean;
  /** Whether the grant still refreshes with it; otherwise a newer one replaced it, or the grant was deleted. */
  readonly current: boolean;
}

export interface Slots {
  readonly limit: number;
  readonly used: number;
  readonly free: number;
  readonly nearlyFull: boolean;
  /** Those of which the next new token would evict one; none while slots are free. More than one only after an import. */
  readonly evictable: readonly LiveRefreshToken[];
  /** The oldest, and so the next to be evicted. */
  readonly oldest: LiveRefreshToken | null;
  /** Whether no other may be older: the age of an imported token is not known. */
  readonly isOldestCertain: boolean;
}

const NEARLY_FULL = 0.9;

/** @param live the tokens of one account and client, in the order in which they were booked */
export function slotsOf(live: readonly LiveRefreshToken[], limit: number): Slots {
  const used = Math.min(live.length, limit);
  // What was booked after an imported token was issued after it. An imported one may be older than any other.
  const candidates = live.filter(({ isAgeKnown }, index) => index === 0 || !isAgeKnown);
  return {
    limit,
    used,
    free: limit - used,
    nearlyFull: isNearlyFull(used, limit),
    evictable: used >= limit ? candidates : [],
    oldest: oldestFirst(candidates)[0] ?? null,
    isOldestCertain: candidates.length <= 1,
  };
}

/** In the order in which Google is believed to evict them: another system obtained imported ones, most likely long ago. */
export function oldestFirst<Token extends Pick<LiveRefreshToken, 'isAgeKnown'>>(
  booked: readonly Token[],
): Token[] {
  return [...booked].sort((a, b) => Number(a.isAgeKnown) - Number(b.isAgeKnown));
}

export function isNearlyFull(used: number, limit: number): boolean {
  return used >= nearlyFullFrom(limit);
}

/** How many used slots are nearly all. */
export function nearlyFullFrom(limit: number): number {
  return Math.ceil(limit * NEARLY_FULL);
}

/** A token that another user still uses and that a new one would evict, or may evict; null where there is none. */
export function evictedOfOtherUser({ evictable }: Slots, userId: string): LiveRefreshToken | null {
  return (
    evictable.find(({ current, userId: owner }) => current && owner !== null && owner !== userId) ?? null
  );
}
