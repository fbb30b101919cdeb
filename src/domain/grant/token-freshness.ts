import type { AccessToken } from './grant.js';

type Lifetime = Pick<AccessToken, 'obtainedAt' | 'expiresAt'>;

/** A new token is fetched this long before the old one ends, while the old one is served still. */
const RENEW_AHEAD_SECONDS = 600;
/** Tokens that came together shall not be renewed together: each up to so much earlier. */
const SPREAD_SECONDS = 120;

/** Whole seconds for which a token is still valid; never negative. */
export function secondsLeft(expiresAt: Date, now: Date): number {
  return Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000));
}

/**
 * Whether a token may be handed to a caller who needs it to live for at least `minTtlSeconds` more. Where Google gives
 * only shorter ones, a younger half of such a life is the best there is: asking again would give nothing better.
 */
export function isFresh({ obtainedAt, expiresAt }: Lifetime, now: Date, minTtlSeconds: number): boolean {
  const left = secondsLeft(expiresAt, now);
  if (left >= Math.max(1, minTtlSeconds)) return true;
  const wholeLife = secondsLeft(expiresAt, obtainedAt);
  return wholeLife <= minTtlSeconds && left >= Math.max(1, wholeLife / 2);
}

/**
 * From when on a new token is fetched in the background. Never in the first half of a life, however short it is.
 * @param jitter 0 to 1, chosen once for each token
 */
export function renewFrom({ obtainedAt, expiresAt }: Lifetime, jitter: number): Date {
  const ahead = (RENEW_AHEAD_SECONDS + jitter * SPREAD_SECONDS) * 1000;
  const middle = (obtainedAt.getTime() + expiresAt.getTime()) / 2;
  return new Date(Math.max(middle, expiresAt.getTime() - ahead));
}
