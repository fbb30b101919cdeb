/** Backoff after a transient failure: doubles from one second to one minute. */
const FIRST_MS = 1000;

const MAX_MS = 60_000;

/** Google's Retry-After is honoured up to here. */
const MAX_ASKED_MS = 10 * 60_000;

/**
 * @param failures how often Google failed in a row for this grant, this one included
 * @param retryAfterSeconds what Google asked for, if anything
 * @param jitter 0 to 1: half of the time is random, so that grants that failed together come back apart
 * @returns milliseconds
 */
export function backoffAfter(failures: number, retryAfterSeconds: number | null, jitter: number): number {
  const doubled = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(20, failures - 1));
  const asked = Math.min(MAX_ASKED_MS, (retryAfterSeconds ?? 0) * 1000);
  return Math.round(Math.max(asked, doubled * (0.5 + jitter / 2)));
}
