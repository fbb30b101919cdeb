import { GoogleFailure, type GoogleFailureKind } from '../../domain/google/google-failure.js';
import { printableLine } from '../../domain/text.js';
import { BodyTooLarge, ProxyRefused } from '../../outbound/http-client.js';
import { readJsonObject } from '../read-json.js';

/** What a failed answer of Google's looked like. */
export interface FailedResponse {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | null;
  /** invalid_grant means a bad code in an exchange, a dead refresh token in a refresh, a bad assertion of a service account. */
  readonly during: 'exchange' | 'refresh' | 'assertion';
}

/** Google's `error` values (RFC 6749 section 5.2, Google's own, and those seen in the wild). */
const BY_ERROR: ReadonlyMap<string, GoogleFailureKind> = new Map([
  ['invalid_client', 'client_rejected'],
  ['unauthorized_client', 'client_rejected'],
  ['deleted_client', 'client_rejected'],
  ['disabled_client', 'client_rejected'],
  ['redirect_uri_mismatch', 'client_rejected'],
  ['org_internal', 'client_rejected'],
  ['unsupported_grant_type', 'client_rejected'],
  ['invalid_scope', 'scope_rejected'],
  ['admin_policy_enforced', 'policy_rejected'],
  ['internal_failure', 'unavailable'],
  ['server_error', 'unavailable'],
  ['temporarily_unavailable', 'unavailable'],
  ['rate_limit_exceeded', 'unavailable'],
]);

/** Besides those above. https://developers.google.com/identity/protocols/oauth2/service-account#error-codes */
const ASSERTION_REFUSED: ReadonlySet<string> = new Set(['invalid_grant', 'access_denied']);

/** With these a token endpoint says no; 401 for the client (RFC 6749 section 5.2), 403 is Google's own. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403]);

/** An error code is a word. What is none (text with spaces, control characters, a page) is not passed on as one. */
const ERROR_CODE = /^[\w.:/-]{1,100}$/;

/**
 * The one place that judges a failure of Google's token endpoint. Whatever is not known to be final counts as
 * `unavailable`: a grant must never be declared dead because Google had a bad day.
 */
export function classifyFailure({ status, body, retryAfter, during }: FailedResponse): GoogleFailure {
  const { error, description, subtype } = parse(body);
  const retry = retrySeconds(retryAfter);
  const failure = (kind: GoogleFailureKind) =>
    new GoogleFailure(kind, error || `http_${status}`, description, subtype, retry);
  // An error in a success, a redirect, a 404, 408, 429 or 5xx is not how a refusal looks, whatever the body says. 403 with
  // an HTML page is a rate limit: it has no error code.
  if (!REFUSALS.has(status)) return failure('unavailable');
  const known = BY_ERROR.get(error) ?? 'unavailable';
  if (during === 'assertion') {
    const isFinal = ASSERTION_REFUSED.has(error) || known !== 'unavailable';
    return failure(isFinal ? 'service_account_rejected' : 'unavailable');
  }
  if (error === 'invalid_grant') {
    // Section 5.2: with 400, always. It ends a grant, so nothing else is believed.
    if (status !== 400) return failure('unavailable');
    return failure(during === 'refresh' ? 'grant_dead' : 'code_rejected');
  }
  // "client_secret is missing." and the like; in an exchange the request itself may be at fault.
  if (error === 'invalid_request')
    return failure(/client/i.test(description) ? 'client_rejected' : 'unavailable');
  return failure(known);
}

/** A request that got no answer that could be read: refused, reset, timed out, or without end. */
export function classifyLostRequest(error: unknown): GoogleFailure {
  if (error instanceof BodyTooLarge) return new GoogleFailure('unavailable', 'too_large');
  if (error instanceof ProxyRefused) return new GoogleFailure('unavailable', `proxy_${error.status}`);
  const timedOut = (error as { name?: unknown } | null)?.name === 'TimeoutError';
  return new GoogleFailure('unavailable', timedOut ? 'timeout' : 'connection_lost');
}

function parse(body: string): { error: string; description: string; subtype: string | null } {
  const json = readJsonObject(body) ?? {};
  const code = (name: string) => {
    const value = json[name];
    return typeof value === 'string' && ERROR_CODE.test(value) ? value : '';
  };
  const { error_description: description } = json;
  return {
    error: code('error'),
    description: typeof description === 'string' ? printableLine(description) : '',
    subtype: code('error_subtype') || null,
  };
}

/** RFC 9110 section 10.2.3, the form in seconds; Google sends no dates here. */
function retrySeconds(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) : null;
}
