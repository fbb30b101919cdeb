const [MINUTE, HOUR] = [60, 3600];

/** How long to wait after each failure, in seconds: soon at first, and for about three days in all. */
const WAITS: readonly number[] = [
  5,
  30,
  2 * MINUTE,
  10 * MINUTE,
  HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
  30 * HOUR,
];

/** A tenth more or less, so that what failed together does not come back together. */
const JITTER = 0.1;

/**
 * @param failures how often delivery failed, this time included
 * @param chance 0 to 1
 * @returns null when it was tried often enough
 */
export function nextAttempt(failures: number, now: Date, chance: number): Date | null {
  const seconds = WAITS[failures - 1];
  if (seconds === undefined) return null;
  return new Date(now.getTime() + seconds * 1000 * (1 + JITTER * (2 * chance - 1)));
}
