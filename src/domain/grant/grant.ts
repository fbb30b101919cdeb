import type { Secret } from '../secret.js';
import { foldEmail } from '../text.js';

/** A Google Account. `sub` never changes; the email can, and is absent when it was not shared. */
export interface Account {
  readonly sub: string;
  readonly email: string | null;
}

/** The form of `sub`. */
export const SUB = /^[\x21-\x7e]{1,255}$/;

/** An account as a verified id_token describes it. */
export interface VerifiedAccount extends Account {
  /** The account's Google Workspace domain. */
  readonly hostedDomain: string | null;
}

/**
 * `suspended`: Google disabled the account. The refresh token is kept, nothing is issued, and `account-enabled` makes
 * the grant active again. `revoking`: a revocation at Google has begun and is not finished; nothing is issued. The last
 * two are dead and hold no token.
 */
export const GRANT_STATUSES = ['active', 'suspended', 'revoking', 'reconnect_required', 'revoked'] as const;

type GrantStatus = (typeof GRANT_STATUSES)[number];

/** As stored: `revoking` is another column, beside `suspended`. */
export type StoredStatus = Exclude<GrantStatus, 'revoking'>;
export const STORED_STATUSES = GRANT_STATUSES.filter(
  (status): status is StoredStatus => status !== 'revoking',
);

/**
 * `user`: a person consented, and there is a refresh token. `service_account`: an operator added its key (RFC 7523); there
 * is no refresh token, so no slot, and no expiry.
 */
export const GRANT_KINDS = ['user', 'service_account'] as const;

type GrantKind = (typeof GRANT_KINDS)[number];

/** Whether a grant has ended. A user's that has not, also one that issues nothing now, holds a refresh token, and so a slot at Google. */
export function isDead({ status }: Pick<Grant, 'status'>): boolean {
  return status === 'reconnect_required' || status === 'revoked';
}

/** `certain`: Google or the user said so. `inferred`: the ledger or the dates make it likely. */
export const CONFIDENCES = ['certain', 'inferred'] as const;

/** Who can remedy a dead grant. */
export const GRANT_ACTORS = ['user', 'workspace_admin', 'operator'] as const;

/** Why a grant is dead, and who can remedy it. */
export interface Diagnosis {
  readonly cause: string;
  readonly confidence: (typeof CONFIDENCES)[number];
  readonly who_must_act: (typeof GRANT_ACTORS)[number];
  readonly detail: string;
}

/** user x client x account: what the user allowed this client to do, or an operator a service account. */
export interface Grant {
  readonly id: string;
  readonly kind: GrantKind;
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  /** The user of a Workspace that a service account acts for, by email; null: for itself, or no service account. */
  readonly subject: string | null;
  /** What services requested, over time; the user may have ticked less. */
  readonly requestedScopes: readonly string[];
  readonly grantedScopes: readonly string[];
  readonly status: GrantStatus;
  readonly diagnosis: Diagnosis | null;
  /** Grows with every change; a refresh that began under an older version is discarded. */
  readonly version: number;
  /** Grows with every refresh. */
  readonly refreshes: number;
  readonly createdAt: Date;
  readonly consentedAt: Date;
  readonly refreshedAt: Date | null;
  /** Of an imported refresh token the latest time that is possible: see `isAgeKnown`. */
  readonly refreshTokenIssuedAt: Date;
  readonly refreshTokenExpiresAt: Date | null;
  /** When another system's refresh token was imported; a consent since then brought a new one. */
  readonly importedAt: Date | null;
}

/** Whether it is known when Google issued the refresh token. */
export function isAgeKnown({ importedAt, refreshTokenIssuedAt }: Grant): boolean {
  return importedAt?.getTime() !== refreshTokenIssuedAt.getTime();
}

/** A response of Google's token endpoint. */
export interface GoogleTokenResponse {
  readonly accessToken: Secret;
  /** When the request began. */
  readonly obtainedAt: Date;
  /** Counted from the start of the request, so that a slow response never makes a token look fresher than it is. */
  readonly expiresAt: Date;
  readonly scopes: readonly string[];
  readonly refreshToken: Secret | null;
  readonly refreshTokenExpiresAt: Date | null;
}

/** Null where the refresh token that was sent stays. */
export type NewRefreshToken = Pick<GoogleTokenResponse, 'refreshToken' | 'refreshTokenExpiresAt'>;

export interface AccessToken {
  readonly token: Secret;
  readonly obtainedAt: Date;
  readonly expiresAt: Date;
  readonly scopes: readonly string[];
  /** Whether it took the place of one that Google refused, as a caller said. */
  readonly replacesRefused: boolean;
}

/** Whether a `sub` or an email address names an account; emails compare without case. */
export function isAccount(account: Account, subOrEmail: string): boolean {
  if (account.sub === subOrEmail) return true;
  return account.email !== null && foldEmail(account.email) === foldEmail(subOrEmail);
}
