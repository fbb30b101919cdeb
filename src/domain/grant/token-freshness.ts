import type { AccessToken } from './grant.js';

type Lifetime = Pick<AccessToken, 'obtainedAt' | 'expiresAt'>;

/** The background refresh begins this long before a token expires, while the token is still served. */
const REFRESH_AHEAD_SECONDS = 600;
/** Jitter: tokens obtained together are not refreshed together. */
const SPREAD_SECONDS = 120;
/** A caller that is refused for another reason than its token would replace one after the other. */
const REPLACE_AGAIN_SECONDS = 300;

/** Whole seconds for which a token is still valid; never negative. */
export function secondsLeft(expiresAt: Date, now: Date): number {
  return secondsUntil(expiresAt.getTime(), now);
}

/** @param expiresAt milliseconds since 1970 */
export function secondsUntil(expiresAt: number, now: Date): number {
  return Math.max(0, Math.floor((expiresAt - now.getTime()) / 1000));
}

export function hasExpired({ expiresAt }: Pick<AccessToken, 'expiresAt'>, now: Date): boolean {
  return expiresAt <= now;
}

/** Whether a token may be issued to a caller who needs it for at least `minTtlSeconds` more. */
export function isFresh(token: Lifetime, now: Date, minTtlSeconds: number): boolean {
  return now.getTime() <= freshUntil(token, minTtlSeconds);
}

/**
 * The last moment at which a token is fresh, in milliseconds since 1970. Where Google issues only shorter ones than a caller needs, a
 * token in the first half of its lifetime is fresh: a refresh would yield nothing better.
 */
export function freshUntil({ obtainedAt, expiresAt }: Lifetime, minTtlSeconds: number): number {
  const wholeLife = secondsLeft(expiresAt, obtainedAt);
  const left = wholeLife <= minTtlSeconds ? Math.min(minTtlSeconds, Math.ceil(wholeLife / 2)) : minTtlSeconds;
  return expiresAt.getTime() - Math.max(1, left) * 1000;
}

/**
 * When the background refresh begins. Never in the first half of a lifetime, however short it is.
 * @param jitter 0 to 1, chosen once for each token
 */
export function refreshFrom({ obtainedAt, expiresAt }: Lifetime, jitter: number): Date {
  const ahead = (REFRESH_AHEAD_SECONDS + jitter * SPREAD_SECONDS) * 1000;
  const middle = (obtainedAt.getTime() + expiresAt.getTime()) / 2;
  return new Date(Math.max(middle, expiresAt.getTime() - ahead));
}

/**
 * A refused token is replaced at once; the token that took its place, at this age.
 * @returns whole seconds until then; 0: now
 */
export function secondsUntilReplaceable(
  { obtainedAt, replacesRefused }: Pick<AccessToken, 'obtainedAt' | 'replacesRefused'>,
  now: Date,
): number {
  if (!replacesRefused) return 0;
  const age = (now.getTime() - obtainedAt.getTime()) / 1000;
  // The clock was set back: whether the token has expired is unknown, too.
  return age < 0 ? 0 : Math.max(0, Math.ceil(REPLACE_AGAIN_SECONDS - age));
}
