/**
 * What Google's response to a refresh changes, and under which key it is kept until it is saved. Does not own the saving
 * (access-tokens/refresh-results.ts).
 */
import type { BrokenTokenResponse } from '../google/google-failure.js';
import { scopeKey } from '../google/scopes.js';
import type { AccessToken, Diagnosis, Grant, GoogleTokenResponse, NewRefreshToken } from './grant.js';
import type { Secret } from '../secret.js';
import type { Lease } from './lease-and-backoff.js';

export interface RefreshedToken {
  readonly kind: 'token';
  readonly scopes: readonly string[];
  readonly response: GoogleTokenResponse;
  /** Null where it must not be handed out before it is saved: the response changes the grant. */
  token: AccessToken | null;
}

/** No token that may be handed out: which scopes of the grant are left, and a new refresh token. */
export interface GrantChange {
  readonly kind: 'grant_only';
  readonly scopes: readonly string[];
  readonly issued: NewRefreshToken;
  /** How long no replica may ask Google, where the rest of the response was broken. */
  readonly backoffMs?: number;
}

/** What Google's response changes. */
export type RefreshOutcome =
  | RefreshedToken
  | GrantChange
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis };

export interface Unsaved {
  readonly grant: Grant;
  /** The credential that Google was asked with. */
  readonly sent: Secret;
  readonly outcome: RefreshOutcome;
  /** Kept for a new refresh token: with the former one, which the row still has, no other replica may ask Google. */
  readonly lease: Lease | null;
  readonly failures: number;
  /** By Clock.monotonicMs(): neither Google nor the database is asked before. */
  readonly nextAt: number;
}

/** With the version: after a consent or a change of scopes, earlier results do not count. */
export function keyOf({ id, version }: Grant, scopes: readonly string[] | null = null): string {
  return `${id} ${version} ${scopes === null ? '' : scopeKey(scopes)}`;
}

/** Null where there is none. */
export function rotationOf(outcome: RefreshOutcome): NewRefreshToken | null {
  if (outcome.kind === 'dead') return null;
  const issued = outcome.kind === 'token' ? outcome.response : outcome.issued;
  return issued.refreshToken === null ? null : issued;
}

/** What concerns the grant, and not only a token of some scopes, is kept once. */
export function entryKeyOf(grant: Grant, outcome: RefreshOutcome): string {
  return keyOf(grant, outcome.kind === 'token' && !rotationOf(outcome) ? outcome.scopes : null);
}

/** Of a response without a usable token: the grant is as it was, but for its refresh token. */
export function changeBy(
  { issued }: BrokenTokenResponse,
  { grantedScopes: scopes }: Grant,
  backoffMs: number,
): GrantChange {
  return { kind: 'grant_only', scopes, issued, backoffMs };
}

/** What callers get of it. Null where the grant must be saved, and read again, first. */
export function resultOf(outcome: RefreshOutcome) {
  if (outcome.kind === 'token')
    return outcome.token && ({ kind: 'token', token: outcome.token, source: 'refresh' } as const);
  return outcome.kind === 'dead' ? outcome : null;
}

/** The same where it may not be served before it is saved. @param nowMs by Clock.monotonicMs() */
export function unsaved({ nextAt }: Pick<Unsaved, 'nextAt'>, nowMs: number) {
  const retryAfterSeconds = Math.max(1, Math.ceil((nextAt - nowMs) / 1000));
  return { kind: 'unsaved', retryAfterSeconds } as const;
}
