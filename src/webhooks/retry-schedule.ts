/*
 * The retry of a webhook event that was not accepted: when the next attempt is, and after which there is none; and the pause of a webhook
 * that does not answer. Owns neither the sending (send-event.ts) nor the retry of a refresh at Google (domain/grant/lease-and-backoff.ts).
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

/** A webhook as a whole: an operator who repaired it need not wait for long. */
const MAX_PAUSE_SECONDS = MINUTE;

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

/** How long a webhook that did not answer in time gets no event at all. @param failures so many in a row */
export function pauseMs(failures: number): number {
  return Math.min(BACKOFF_SECONDS[failures - 1] ?? Infinity, MAX_PAUSE_SECONDS) * 1000;
}
