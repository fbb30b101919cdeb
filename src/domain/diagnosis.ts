import type { GoogleFailure } from './google-failure.js';
import type { Diagnosis } from './grant.js';

/** Reads a final refusal of Google's. What Google does not say is not claimed. */
export function diagnose({ kind, error, subtype }: GoogleFailure): Diagnosis {
  if (subtype === 'invalid_rapt') {
    return {
      cause: 'session_control',
      confidence: 'certain',
      who_must_act: 'user',
      detail:
        "The user's Google Workspace ends sessions after some hours. The user must connect again, each time; " +
        'a Workspace administrator can exempt this app.',
    };
  }
  if (kind === 'policy_rejected') {
    return {
      cause: error,
      confidence: 'certain',
      who_must_act: 'workspace_admin',
      detail:
        "The administrator of the user's Google Workspace does not allow this app or one of its scopes.",
    };
  }
  return {
    cause: 'expired_or_revoked',
    confidence: 'certain',
    who_must_act: 'user',
    detail: 'Google no longer accepts the refresh token. The user must connect again.',
  };
}

export const REVOKED_WITH_SIBLING: Diagnosis = {
  cause: 'revoked_with_sibling',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    'Another grant of the same Google account was revoked. Google then ends them all, for the whole project.',
};
