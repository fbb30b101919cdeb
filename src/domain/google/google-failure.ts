/**
 * What went wrong at Google, classified once, in google/oauth/classify-failure.ts:
 * - `grant_dead`: this refresh token will never work again; a retry is pointless
 * - `code_rejected`: the authorization code was bad, used or expired
 * - `scope_rejected`: the scopes asked for are not in the grant, or do not exist
 * - `client_rejected`: Google refuses the OAuth client; the operator must act
 * - `policy_rejected`: the user's Workspace administrator forbids this
 * - `service_account_rejected`: Google issues no token to a service account; once remedied at Google it works again
 * - `unavailable`: an outage, a limit, a lost connection; the same request may work later
 * - `withheld`: no request was sent: the circuit is open, or the broker stops. Says nothing of the grant
 */
export type GoogleFailureKind =
  | 'grant_dead'
  | 'code_rejected'
  | 'scope_rejected'
  | 'client_rejected'
  | 'policy_rejected'
  | 'service_account_rejected'
  | 'unavailable'
  | 'withheld';

/** Holds only Google's error code and text, never the request: that holds tokens and codes. */
export class GoogleFailure extends Error {
  override readonly name = 'GoogleFailure';

  constructor(
    readonly kind: GoogleFailureKind,
    /** Google's `error`, or `http_503`, `timeout`, `connection_lost` where it sent none. */
    readonly error: string,
    readonly description: string = '',
    readonly subtype: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`Google answered ${error}${description ? `: ${description}` : ''}`);
  }
}

/** Whether the same request may succeed soon. */
export function isTransient({ kind }: GoogleFailure): boolean {
  return kind === 'unavailable' || kind === 'withheld';
}

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
