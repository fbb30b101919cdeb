import type { GoogleFailure } from '../google/google-failure.js';
import { GOOGLE_ERROR_CODES, type GoogleErrorCode } from '../google/oauth-failures.js';

/**
 * Why a connect ended as it did, for the log, the audit trail and a metric: these, and Google's own codes. A fixed list:
 * what Google or a browser sends never becomes a label. docs/connecting.md explains each.
 */
const BROKER_CAUSES = [
  'none',
  // The link.
  'ticket_missing',
  'ticket_invalid',
  'ticket_expired',
  'ticket_used',
  'ticket_cancelled',
  'other_site',
  'user_cancelled',
  // The service that asked for it.
  'service_revoked',
  'policy_changed',
  // The authorization response.
  'malformed_response',
  'state_missing',
  'state_unknown',
  'state_expired',
  'other_browser',
  'wrong_issuer',
  'code_missing',
  // Google's codes that no table of oauth-failures.ts lists: RFC 6749 section 4.1.2.1, Google's guide.
  'unauthorized_scope',
  'unsupported_response_type',
  'other_google_error',
  // The exchange of the code got no readable response.
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
  // The consent.
  'scopes_unticked',
  'wrong_account',
  'no_refresh_token',
  'slots_full',
  // The confirmation by the app.
  'code_unknown',
  'wrong_user',
  'not_confirmed',
  // The broker.
  'database_unavailable',
  'gave_up',
  'rate_limited',
  'internal_error',
] as const;

export type ConnectCause = (typeof BROKER_CAUSES)[number] | GoogleErrorCode;

export const CONNECT_CAUSES: readonly ConnectCause[] = [
  ...new Set([...BROKER_CAUSES, ...GOOGLE_ERROR_CODES]),
];

const KNOWN: ReadonlySet<string> = new Set(CONNECT_CAUSES);

function isCause(text: string): text is ConnectCause {
  return KNOWN.has(text);
}

/** Google's `error`, where it looks like one: a link or a response can hold any text. */
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

/** The cause of a refusal, by its extension `reason`. */
export function causeOfReason(reason: unknown): ConnectCause | null {
  return typeof reason === 'string' && isCause(reason) ? reason : null;
}
