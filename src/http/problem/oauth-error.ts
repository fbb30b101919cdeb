import { BrokerError, type BrokerErrorCode } from '../../domain/errors.js';
import type { Problem } from './problem.js';

/*
 * The errors of POST /oauth2/token in OAuth's form, which client libraries read. Owns how each code of the broker appears
 * there; problem-table.ts owns how it appears everywhere else, and tokens/ owns the endpoint.
 */

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 8693 section 2.2.2. */
export const OAUTH_ERROR_CODES = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'server_error',
  'temporarily_unavailable',
] as const;

type OAuthErrorCode = (typeof OAUTH_ERROR_CODES)[number];

interface OAuthError {
  readonly error: OAuthErrorCode;
  /** Null: that of the problem. */
  readonly status: number | null;
}

/** RFC 6749 section 5.2: 400 unless specified otherwise. Libraries retry 408, 429 and 5xx: what only a user can change is none of these. */
export const OAUTH_ERRORS: Readonly<Record<BrokerErrorCode | 'internal_error', OAuthError>> = {
  invalid_request: { error: 'invalid_request', status: null },
  unauthenticated: { error: 'invalid_client', status: 401 },
  not_allowed: { error: 'unauthorized_client', status: 400 },
  insufficient_scope: { error: 'invalid_scope', status: 400 },
  no_ads_access: { error: 'invalid_grant', status: 400 },
  not_connected: { error: 'invalid_grant', status: 400 },
  not_found: { error: 'invalid_request', status: null },
  method_not_allowed: { error: 'invalid_request', status: null },
  ambiguous_account: { error: 'invalid_request', status: 400 },
  reconnect_required: { error: 'invalid_grant', status: 400 },
  slots_full: { error: 'invalid_grant', status: 400 },
  rate_limited: { error: 'temporarily_unavailable', status: null },
  internal_error: { error: 'server_error', status: null },
  integrity_failed: { error: 'server_error', status: null },
  client_misconfigured: { error: 'server_error', status: null },
  google_unavailable: { error: 'temporarily_unavailable', status: null },
  cell_unavailable: { error: 'temporarily_unavailable', status: null },
  database_unavailable: { error: 'temporarily_unavailable', status: null },
  clock_skewed: { error: 'temporarily_unavailable', status: null },
  issuer_unavailable: { error: 'temporarily_unavailable', status: null },
};

/** A refusal for which OAuth has a more exact code than the table. */
export class OAuthRefusal extends BrokerError {
  constructor(
    readonly error: OAuthErrorCode,
    { code, detail, extensions }: BrokerError,
  ) {
    super(code, detail, extensions);
  }
}

export interface OAuthErrorResponse {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Of the refusals that have a link for the user. Google's library for PHP shows 120 bytes of a body: the link is cut there. */
const REASONS: Readonly<Partial<Record<string, string>>> = {
  not_connected: 'Not connected',
  reconnect_required: 'Access ended',
  insufficient_scope: 'Scope missing',
};

/**
 * The reason comes first, then the link: libraries show the description to a developer, some of them only its beginning. The
 * members of the problem that a program can use follow.
 */
export function toOAuthError(problem: Problem, fault: unknown = null): OAuthErrorResponse {
  const { type: _, title: __, status: problemStatus, detail, connect_url: link, code, ...members } = problem;
  const { error, status } =
    fault instanceof OAuthRefusal && fault.code === code
      ? { error: fault.error, status: 400 }
      : OAUTH_ERRORS[code as keyof typeof OAUTH_ERRORS];
  const text = printable(detail);
  const described =
    typeof link === 'string'
      ? { error_description: withLink(code, link, text), error_uri: link }
      : { error_description: text };
  return { status: status ?? problemStatus, body: { error, ...described, code, ...members } };
}

function withLink(code: string, link: string, text: string): string {
  const why = text.replace(/ Send the user to connect_url\.$/, '');
  return `${REASONS[code] ?? 'Consent needed'}: send the user to error_uri. ${link} ${why}`;
}

/** RFC 6749 section 5.2 allows %x20-21, %x23-5B and %x5D-7E: no quotes, no backslash, ASCII only. */
function printable(text: string): string {
  return text.replaceAll('"', "'").replaceAll(/[^ -[\]-~]/gu, (character) => encodeURIComponent(character));
}
