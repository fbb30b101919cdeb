import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { Grant } from '../domain/grant.js';
import { missingScopes } from '../domain/scopes.js';

/** What a connect came to: a grant held against the wish, or a failure of Google's in a user's words. */
export function outcomeOf(failure: GoogleFailure): ConnectOutcome;
export function outcomeOf(grant: Grant, wish: ConnectWish): ConnectOutcome;
export function outcomeOf(result: GoogleFailure | Grant, wish?: ConnectWish): ConnectOutcome {
  if (result instanceof GoogleFailure) {
    return { kind: 'failed', code: failureCode(result), detail: failureDetail(result) };
  }
  const { id: grantId, account, grantedScopes: scopes } = result;
  return { kind: 'granted', grantId, account, scopes, missing: missingScopes(wish?.scopes ?? [], scopes) };
}

function failureCode({ kind }: GoogleFailure): string {
  if (kind === 'unavailable') return 'google_unavailable';
  if (kind === 'client_rejected') return 'client_misconfigured';
  return kind;
}

function failureDetail({ kind, error }: GoogleFailure): string {
  if (kind === 'unavailable') {
    return 'Google did not answer in time. Nothing is wrong with your account; try again.';
  }
  if (kind === 'client_rejected')
    return `Google refuses this broker (${error}). Its operator must mend that.`;
  if (kind === 'policy_rejected') return 'The administrator of your Google Workspace does not allow this.';
  return `Google did not accept the answer it had given (${error}). Try again.`;
}
