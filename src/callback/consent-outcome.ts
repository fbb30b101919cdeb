import { causeOfFailure, causeOfReason, googleErrorCode } from '../domain/connect/connect-cause.js';
import { causeFacts, endOf } from '../domain/connect/connect-end.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import type { BrokerError } from '../domain/errors.js';
import { type Actor, type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { explainFailure } from '../domain/google/oauth-failures.js';
import { missingScopes } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import type { AuditFacts } from '../http/audit.decorator.js';

type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/** Compares a grant with the request. */
export function outcomeOfGrant(
  { id: grantId, account, grantedScopes: scopes }: Grant,
  connectRequest: ConnectRequest,
  unrequested: readonly string[],
): ConnectOutcome {
  return {
    kind: 'granted',
    grantId,
    account,
    scopes,
    missing: missingScopes(connectRequest.scopes, scopes),
    unrequested,
  };
}

/** A failure of Google, worded for the user. */
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

/** A refusal by the broker, after Google sent the user back. */
export function outcomeOfRefusal({ code, detail, extensions }: BrokerError): Failed {
  const cause = causeOfReason(extensions['reason']) ?? causeOfReason(code) ?? 'internal_error';
  // The service lost its authority: another link would be refused as well.
  return { kind: 'failed', code, detail, cause, isFinal: code === 'not_allowed' };
}

export const NO_REFRESH_TOKEN: Failed = {
  kind: 'failed',
  code: 'no_refresh_token',
  detail: 'Google gave no lasting permission. Nothing was stored; try again.',
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

/** What the user can do, by who must act. */
const NEXT_STEPS: Readonly<Record<Actor, string>> = {
  user: 'Start again in the app.',
  workspace_admin: 'Ask the administrator to allow it.',
  operator: 'You cannot correct this: ask the people who run the app.',
  developer: 'You cannot correct this: ask the people who run the app.',
  account_admin: 'Ask an administrator of the account.',
  none: 'Nothing is wrong with your account: try again.',
};

function failureDetail(failure: GoogleFailure): string {
  const { meaning, whoMustAct } = explainFailure(failure, 'exchange');
  const nextStep = NEXT_STEPS[isTransient(failure) ? 'none' : whoMustAct];
  return `${meaning} ${nextStep} (${googleErrorCode(failure.error)})`;
}

/** How a connect ended, for the audit trail. */
export function consentFacts(outcome: ConnectOutcome): AuditFacts {
  const cause = causeFacts(endOf(outcome, null, ''));
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing, unrequested } = outcome;
      const details = {
        account: account.sub,
        scopes,
        missing_scopes: missing,
        ...unrequestedFact(unrequested),
        ...cause,
      };
      return { grantId, outcome: missing.length > 0 ? 'partial' : 'ok', details };
    }
    case 'failed':
      return { outcome: outcome.code, details: cause };
    default:
      return { outcome: outcome.kind, details: cause };
  }
}

/** Scopes that Google gave without a request: for the audit trail only, never for a caller. */
export function unrequestedFact(scopes: readonly string[]) {
  return scopes.length === 0 ? {} : { unrequested_scopes: scopes };
}
