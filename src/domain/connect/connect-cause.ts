import { GoogleFailure } from '../google/google-failure.js';

/**
 * Why a connect ended as it did, for the log, the audit trail and a metric. A fixed list: what Google or a browser sends
 * never becomes a label. docs/connecting.md explains each.
 */
const CAUSES = [
  'none',
  // The link.
  'ticket_missing',
  'ticket_invalid',
  'ticket_expired',
  'ticket_used',
  'other_site',
  // Who asked for it.
  'service_revoked',
  'policy_changed',
  // The authorization response.
  'malformed_response',
  'state_missing',
  'state_unknown',
  'state_used',
  'state_expired',
  'other_browser',
  'wrong_issuer',
  'code_missing',
  // Google's own words, in the redirect (RFC 6749 section 4.1.2.1) or at the token endpoint (section 5.2).
  'access_denied',
  'interaction_required',
  'immediate_failed',
  'invalid_request',
  'invalid_grant',
  'invalid_scope',
  'invalid_client',
  'unauthorized_client',
  'unauthorized_scope',
  'unsupported_response_type',
  'unsupported_grant_type',
  'redirect_uri_mismatch',
  'deleted_client',
  'disabled_client',
  'org_internal',
  'admin_policy_enforced',
  'server_error',
  'temporarily_unavailable',
  'internal_failure',
  'rate_limit_exceeded',
  'other_google_error',
  // The exchange of the code got no answer that could be read.
  'timeout',
  'connection_lost',
  'http_error',
  'invalid_response',
  'stopping',
  // The id_token, by the check that failed.
  'id_token_missing',
  'id_token_nonce',
  'id_token_issuer',
  'id_token_audience',
  'id_token_expired',
  'id_token_signature',
  'id_token_algorithm',
  'id_token_subject',
  'id_token_claim',
  'id_token_malformed',
  'keys_unavailable',
  // What the answer is worth.
  'scopes_unticked',
  'wrong_account',
  'no_refresh_token',
  'slots_full',
  // The confirmation of the app.
  'code_unknown',
  'wrong_user',
  // The broker.
  'database_unavailable',
  'gave_up',
  'rate_limited',
  'internal_error',
] as const;

export type ConnectCause = (typeof CAUSES)[number];

const KNOWN: ReadonlySet<string> = new Set(CAUSES);

function isCause(text: string): text is ConnectCause {
  return KNOWN.has(text);
}

/** Google's `error`, where it looks like one: anybody can put text into a link, and an answer can hold anything. */
export function googleErrorCode(error: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(error) ? error : 'unknown_error';
}

/** @param error Google's, from the redirect */
export function causeOfRedirect(error: string | null): ConnectCause {
  if (error === null) return 'code_missing';
  return isCause(error) && error !== 'none' ? error : 'other_google_error';
}

export function causeOfFailure({ error, subtype }: GoogleFailure): ConnectCause {
  if (error === 'invalid_id_token') {
    if (subtype === 'keys_unavailable') return subtype;
    const cause = `id_token_${subtype ?? ''}`;
    return isCause(cause) ? cause : 'id_token_claim';
  }
  if (subtype === 'id_token_missing') return subtype;
  if (error.startsWith('http_')) return 'http_error';
  return isCause(error) && error !== 'none' ? error : 'other_google_error';
}

/** Of a refusal, by the `reason` that it carries. */
export function causeOfReason(reason: unknown): ConnectCause | null {
  return typeof reason === 'string' && isCause(reason) ? reason : null;
}
