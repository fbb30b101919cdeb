import type { Secret } from '../secret.js';
import type { Grant } from './grant.js';

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

/** A refresh token or a key: what the lease was taken with. */
export function secretOf(credential: Lease['credential']): Secret {
  return credential.kind === 'refresh_token' ? credential.refreshToken : credential.key;
}
