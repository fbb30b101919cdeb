/*
 * Google keeps 100 live refresh tokens per account and client (SLOT_LIMIT); one more silently kills the oldest:
 * https://developers.google.com/identity/protocols/oauth2#expiration. The ledger knows every one that we were given.
 */

/** Google ends a refresh token that was not used for six months. */
export const INACTIVITY_SECONDS = 183 * 24 * 3600;

/** A refresh token that Google counts as live, as far as we know. */
export interface LiveToken {
  readonly grantId: string | null;
  readonly userId: string | null;
  readonly client: string;
  readonly issuedAt: Date;
  /** Whether the grant still refreshes with it; otherwise a newer one took its place, or the grant was forgotten. */
  readonly current: boolean;
}

export interface Slots {
  readonly limit: number;
  readonly used: number;
  readonly free: number;
  readonly nearlyFull: boolean;
  /** Whom the next new token would kill; null while slots are free. */
  readonly evicted: LiveToken | null;
  /** Who is the oldest, and so the next in line. */
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

/** Whether a new token would kill what another user still uses. */
export function wouldHarmAnother(slots: Slots, userId: string): boolean {
  const { evicted } = slots;
  return evicted !== null && evicted.current && evicted.userId !== null && evicted.userId !== userId;
}
