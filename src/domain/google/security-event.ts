import { BrokerError } from '../errors.js';
import type { Diagnosis } from '../grant/grant.js';
import type { Secret } from '../secret.js';

/** A security event token (RFC 8417) whose signature, issuer and audience were verified. */
export interface SecurityEventToken {
  /** The same when Google sends it again. */
  readonly jti: string;
  readonly issuer: string;
  /** Client ids, the broker's among them. */
  readonly audience: readonly string[];
  readonly occurredAt: Date;
  /** By event type, as they came. */
  readonly events: Readonly<Record<string, unknown>>;
}

/** An account by `sub` or email: at least one of both. */
export interface AccountSubject {
  readonly sub: string | null;
  readonly email: string | null;
}

/** One refresh token, by its first 16 characters or by base64(sha512(sha512(token))). */
export interface TokenSubject {
  readonly namedBy: 'prefix' | 'double_hash';
  readonly name: Secret;
}

/** What is done about an event. */
export type Remediation =
  /** The grant that uses this token is dead; a token that was replaced leaves the ledger only. */
  | { readonly action: 'revoke_token'; readonly token: TokenSubject; readonly diagnosis: Diagnosis }
  | AccountRemediation;

export type AccountRemediation = { readonly account: AccountSubject } &
  /** The grants are dead, their tokens deleted, their slots free. */
  (
    | { readonly action: 'revoke'; readonly diagnosis: Diagnosis }
    /** Nothing is issued until `resume`; the refresh tokens are kept. */
    | { readonly action: 'suspend'; readonly diagnosis: Diagnosis }
    | { readonly action: 'resume' }
    /** The grants are deleted. */
    | { readonly action: 'delete'; readonly endReason: string }
    /** Deletes access tokens only; the next call refreshes. */
    | { readonly action: 'drop_access_tokens' }
    /** Records whom it concerns. */
    | { readonly action: 'note' }
  );

/** RFC 8935 section 2.4 */
export const EVENT_FAULTS = ['invalid_request', 'invalid_key', 'invalid_issuer', 'invalid_audience'] as const;

export type EventFault = (typeof EVENT_FAULTS)[number];

/** The refusal of a security event token, with the members of RFC 8935 section 2.3. */
export function eventRefused(err: EventFault, description: string): BrokerError {
  return new BrokerError('invalid_request', description, { err, description });
}

const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/';

/** The security events that the broker handles, by the last part of their type. */
export const SECURITY_EVENTS = {
  'tokens-revoked': `${OAUTH}tokens-revoked`,
  'token-revoked': `${OAUTH}token-revoked`,
  'account-disabled': `${RISC}account-disabled`,
  'account-enabled': `${RISC}account-enabled`,
  'account-purged': `${RISC}account-purged`,
  'sessions-revoked': `${RISC}sessions-revoked`,
  'account-credential-change-required': `${RISC}account-credential-change-required`,
  verification: `${RISC}verification`,
} as const;

export type SecurityEventName = keyof typeof SECURITY_EVENTS;

export const SECURITY_EVENT_NAMES = Object.keys(SECURITY_EVENTS) as SecurityEventName[];

/** @returns null for a type that the broker does not handle */
export function securityEventName(type: string): SecurityEventName | null {
  return SECURITY_EVENT_NAMES.find((name) => SECURITY_EVENTS[name] === type) ?? null;
}
