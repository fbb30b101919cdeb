import type { Diagnosis, Grant, TokenAnswer } from '../grant.js';
import type { Secret } from '../secret.js';

/** What Google gives an access token for. */
type Credential =
  | { readonly kind: 'refresh_token'; readonly refreshToken: Secret }
  /** The JSON file of Google's console, as it was given to us. */
  | { readonly kind: 'service_account_key'; readonly key: Secret };

/** The right to ask Google for one grant now, and what is needed to ask. */
export interface Lease {
  readonly owner: string;
  readonly grant: Grant;
  readonly credential: Credential;
  /** The version of the grant under which the credential was sealed. */
  readonly credentialVersion: number;
  /** How often Google failed in a row before. */
  readonly failures: number;
}

export type LeaseOutcome =
  | { readonly kind: 'taken'; readonly lease: Lease }
  /** The grant is not what it was when it was read. */
  | { readonly kind: 'changed' }
  /** Another asks Google now. It will tell when it is done; after so long it may be taken for dead. */
  | { readonly kind: 'held'; readonly ms: number }
  /** Google failed lately: nobody asks before so long. */
  | { readonly kind: 'resting'; readonly ms: number };

/**
 * One refresh of a grant, across all replicas: from the right to ask Google to the writing of what came. Time is the
 * database's, the one clock that all replicas share. Each write happens only while the lease is still held and the
 * grant is still what it was: a consent, a disconnect or another's refresh in between wins.
 */
export abstract class RefreshLeases {
  abstract take(grant: Grant, ms: number): Promise<LeaseOutcome>;

  /**
   * Keeps what Google gave, and ends the lease.
   * @param scopes what the token was asked for
   * @returns the grant as it is now; null when it changed meanwhile, and nothing was written
   */
  abstract save(
    lease: Lease,
    scopes: readonly string[],
    answer: TokenAnswer,
    now: Date,
  ): Promise<Grant | null>;

  /** Google covers less of the grant than we thought, and gave no token that may be kept. Ends the lease. */
  abstract narrow(lease: Lease, scopes: readonly string[], now: Date): Promise<void>;

  /** Ends grant and lease. @returns false when the grant changed meanwhile; then nothing is written */
  abstract bury(lease: Lease, diagnosis: Diagnosis, now: Date): Promise<boolean>;

  /** Ends the lease without a result. @param restMs for how long nobody may ask; 0: the next may at once */
  abstract giveUp(lease: Lease, restMs: number): Promise<void>;
}

/** A refresh token or a key: what the lease was taken with. */
export function secretOf(credential: Lease['credential']): Secret {
  return credential.kind === 'refresh_token' ? credential.refreshToken : credential.key;
}
