import type { Secret } from '../secret.js';
import type { Grant } from './grant.js';

/** What a grant is refreshed with. */
type GrantCredential =
  | { readonly kind: 'refresh_token'; readonly refreshToken: Secret }
  /** The JSON file of Google's console. */
  | { readonly kind: 'service_account_key'; readonly key: Secret };

/** A lease: the right of one replica to refresh one grant now, with the credential that it needs. */
export interface Lease {
  readonly owner: string;
  readonly grant: Grant;
  readonly credential: GrantCredential;
  /** The version of the grant under which the credential was sealed. */
  readonly credentialVersion: number;
  /** How often Google failed in a row before. */
  readonly failures: number;
  /** Whether the token that is requested takes the place of one that Google refused, as a caller said. */
  readonly replacesRefused: boolean;
}

export type LeaseOutcome =
  | { readonly kind: 'taken'; readonly lease: Lease }
  /** The grant changed since it was read. */
  | { readonly kind: 'changed' }
  /** Another replica refreshes now and publishes the change; after `ms` its lease has expired. */
  | { readonly kind: 'held'; readonly ms: number }
  /** Google failed recently: no replica asks again for `ms`. */
  | { readonly kind: 'backoff'; readonly ms: number };

/** The refresh token or key of a lease. */
export function secretOf(credential: Lease['credential']): Secret {
  return credential.kind === 'refresh_token' ? credential.refreshToken : credential.key;
}
