/*
 * Who may ask Google for a grant, and when: the lease of one replica, and the backoff after a failure, during which none asks. The
 * retry of a failed refresh is the first call after the backoff. Does not own how lease and backoff are stored
 * (token-store/grants/refresh-lease.repository.ts, save-refresh.ts), nor the retry of webhooks (webhooks/retry-schedule.ts).
 */
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

/**
 * @param failures in a row, the last one included
 * @returns milliseconds: `firstMs` after the first failure, twice as long after each further one, `maxMs` at most
 */
export function exponentialBackoff(failures: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(20, failures - 1));
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
  const doubled = exponentialBackoff(failures, FIRST_MS, MAX_MS);
  const asked = Math.min(MAX_ASKED_MS, (retryAfterSeconds ?? 0) * 1000);
  return Math.round(Math.max(asked, doubled * (0.5 + jitter / 2)));
}
