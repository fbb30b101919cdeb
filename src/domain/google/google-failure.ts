/**
 * What went wrong at Google, classified once, in google/oauth/classify-failure.ts:
 * - `grant_dead`: this refresh token will never work again; asking once more is pointless
 * - `code_rejected`: the authorization code was bad, used or expired
 * - `scope_rejected`: the scopes asked for are not in the grant, or do not exist
 * - `client_rejected`: Google refuses our client; the operator must act
 * - `policy_rejected`: the user's Workspace administrator forbids this
 * - `service_account_rejected`: Google gives a service account no token; somebody must act at Google, then it works again
 * - `unavailable`: an outage, a limit, a lost connection; the same request may work later
 * - `withheld`: Google was not asked, for it failed too often lately, or the broker stops. Says nothing of the grant.
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

/** Carries only Google's error code and text, never the request: that holds tokens and codes. */
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

/** Whether the same question may be answered soon. */
export function isTransient({ kind }: GoogleFailure): boolean {
  return kind === 'unavailable' || kind === 'withheld';
}

/** How long a grant is left alone after Google failed: doubling, from one second to one minute. */
const FIRST_MS = 1000;

const MAX_MS = 60_000;

/** A Retry-After of Google's is kept up to here. */
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
