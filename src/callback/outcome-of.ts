import { causeOfFailure, causeOfReason, googleErrorCode } from '../domain/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import type { BrokerError } from '../domain/errors.js';
import type { GoogleFailure } from '../domain/google-failure.js';
import type { Grant } from '../domain/grant.js';
import { missingScopes } from '../domain/scopes.js';

type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/** A grant, held against what was asked for. */
export function outcomeOfGrant(
  { id: grantId, account, grantedScopes: scopes }: Grant,
  wish: ConnectWish,
  unrequested: readonly string[],
): ConnectOutcome {
  return {
    kind: 'granted',
    grantId,
    account,
    scopes,
    missing: missingScopes(wish.scopes, scopes),
    unrequested,
  };
}

/** A failure of Google's in a user's words. */
export function outcomeOfFailure(failure: GoogleFailure): Failed {
  const { error, subtype } = failure;
  return {
    kind: 'failed',
    code: failureCode(failure),
    detail: failureDetail(failure),
    cause: causeOfFailure(failure),
    google: { error, subtype },
  };
}

/** A refusal by the broker, after the user came back. */
export function outcomeOfRefusal({ code, detail, carries }: BrokerError): Failed {
  const cause = causeOfReason(carries['reason']) ?? causeOfReason(code) ?? 'internal_error';
  // Where authority ended, another link would be refused as well.
  return { kind: 'failed', code, detail, cause, isFinal: code === 'not_allowed' };
}

export const NO_REFRESH_TOKEN: Failed = {
  kind: 'failed',
  code: 'no_refresh_token',
  detail: 'Google gave no lasting permission, though we asked for one.',
  cause: 'no_refresh_token',
};

export const WRONG_ACCOUNT: Failed = {
  kind: 'failed',
  code: 'wrong_account',
  detail: 'You chose another Google account than the one that was asked for. Nothing was stored.',
  cause: 'wrong_account',
};

function failureCode({ kind }: GoogleFailure): string {
  if (kind === 'unavailable' || kind === 'withheld') return 'google_unavailable';
  if (kind === 'client_rejected') return 'client_misconfigured';
  return kind;
}

function failureDetail({ kind, error }: GoogleFailure): string {
  const code = googleErrorCode(error);
  if (kind === 'unavailable' || kind === 'withheld') {
    return 'Google did not answer in time. Nothing is wrong with your account; try again.';
  }
  if (kind === 'client_rejected')
    return `Google refuses this broker (${code}). Its operator must correct that.`;
  if (kind === 'policy_rejected') return 'The administrator of your Google Workspace does not allow this.';
  return `Google did not accept the answer it had given (${code}). Try again.`;
}
