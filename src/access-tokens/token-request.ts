import type { Service } from '../domain/access/policy.js';
import type { GoogleFailure } from '../domain/google/google-failure.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import type { AccessToken, Diagnosis } from '../domain/grant/grant.js';
import type { TokenSource } from '../domain/metrics/call-metrics.js';

/** Which grant a service means, and the scopes that it needs. */
export interface GrantRequest {
  readonly service: Service;
  readonly userId: string;
  readonly client: GoogleClient;
  /** `sub` or email; null: the only account that the user has connected. */
  readonly account: string | null;
  /** Scopes that the token must cover; empty: no particular ones. */
  readonly scopes: readonly string[];
  /** Names the request in log and audit trail. */
  readonly requestId: string;
  /** Aborted when the caller disconnects: from then on Google is not asked on its behalf. */
  readonly callerSignal?: (() => AbortSignal) | undefined;
  /** Google refused the token with this id (`tokenIdOf`): it is not served again. */
  readonly refused?: string | undefined;
  /** Where a link in a refusal leads back to; `assertReturnTo` admitted it. */
  readonly returnTo?: string | undefined;
}

export interface TokenRequest extends GrantRequest {
  readonly minTtlSeconds: number;
}

/**
 * `refresh`: Google issued the token while the call waited. `store`: the broker had it, in the database or, as long as the database
 * does not accept it, in memory.
 */
export type IssuedTokenSource = Extract<TokenSource, 'store' | 'refresh'>;

/** Every failure of a refresh travels as one of these values; `TokenErrors.ofRefresh` turns it into an error. */
export type RefreshFailure =
  | { readonly kind: 'failed'; readonly failure: GoogleFailure }
  /** Google ended the grant for good. */
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis }
  /** Google gave more scopes than requested. The token was discarded. */
  | { readonly kind: 'not_narrowed' }
  /** Google accepts the token that a caller says it refused, and which had just taken the place of another. */
  | { readonly kind: 'not_replaced'; readonly retryAfterSeconds: number }
  /** Google's answer changes the grant, and the database did not accept it. */
  | { readonly kind: 'unsaved'; readonly retryAfterSeconds: number };

export type RefreshResult =
  | { readonly kind: 'token'; readonly token: AccessToken; readonly source: IssuedTokenSource }
  /** A consent, a disconnect, another refresh or Google changed the grant: read it again. */
  | { readonly kind: 'changed' }
  | RefreshFailure;
