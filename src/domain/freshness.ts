/** Whole seconds for which a token is still valid; never negative. */
export function secondsLeft(expiresAt: Date, now: Date): number {
  return Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000));
}

/** Whether a token may be handed to a caller who needs it to live for at least `minTtlSeconds` more. */
export function isFresh(expiresAt: Date, now: Date, minTtlSeconds: number): boolean {
  return secondsLeft(expiresAt, now) >= Math.max(1, minTtlSeconds);
}
