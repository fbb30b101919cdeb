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
