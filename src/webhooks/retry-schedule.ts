/*
 * The retry of a webhook event that was not accepted: when the next attempt is, and after which there is none. Owns neither the sending
 * (send-event.ts) nor the retry of a refresh at Google (domain/grant/lease-and-backoff.ts).
 */
const [MINUTE, HOUR] = [60, 3600];

/** Backoff after each failure, in seconds: short at first, about three days in all. */
const BACKOFF_SECONDS: readonly number[] = [
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

/** A tenth more or less, so that events that failed together are not retried together. */
const JITTER = 0.1;

/**
 * @param failures how often delivery failed, this time included
 * @param chance 0 to 1
 * @returns null when no retry is left
 */
export function nextAttempt(failures: number, now: Date, chance: number): Date | null {
  const seconds = BACKOFF_SECONDS[failures - 1];
  if (seconds === undefined) return null;
  return new Date(now.getTime() + seconds * 1000 * (1 + JITTER * (2 * chance - 1)));
}
