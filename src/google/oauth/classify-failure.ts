import { GoogleFailure, type GoogleFailureKind } from '../../domain/google/google-failure.js';
import { tokenEndpointFailure } from '../../domain/google/oauth-failures.js';
import { printableLine } from '../../domain/text.js';
import { BodyTooLarge, ProxyRefused } from '../../outbound/http-client.js';
import { readJsonObject } from '../read-json.js';

/** A failed response of Google's token endpoint. */
export interface FailedResponse {
  readonly status: number;
  readonly body: string;
  /** In seconds. */
  readonly retryAfter: number | null;
  /** `invalid_grant` means a bad code in an exchange, a dead refresh token in a refresh, a bad assertion of a service account. */
  readonly during: 'exchange' | 'refresh' | 'assertion';
}

/** Codes that are final for an assertion only. https://developers.google.com/identity/protocols/oauth2/service-account#error-codes */
const ASSERTION_REFUSALS: ReadonlySet<string> = new Set(['invalid_grant', 'access_denied']);

/** The statuses of a refusal; 401 concerns the client (RFC 6749 section 5.2), 403 is Google's own. */
const REFUSAL_STATUSES: ReadonlySet<number> = new Set([400, 401, 403]);

/** An error code is a word. Anything else (text with spaces, control characters, a page) is not passed on. */
const ERROR_CODE = /^[\w.:/-]{1,100}$/;

/**
 * Classifies a failed response of Google's token endpoint by the table of oauth-failures.ts. Whatever is not known to
 * be final counts as `unavailable`: an outage of Google's must never mark a grant dead.
 */
export function classifyFailure({ status, body, retryAfter, during }: FailedResponse): GoogleFailure {
  const { error, description, subtype } = parse(body);
  const failure = (kind: GoogleFailureKind) =>
    new GoogleFailure(kind, error || `http_${status}`, description, subtype, retryAfter);
  // An error in a success, a redirect, a 404, 408, 429 or 5xx is not how Google refuses, whatever the body says. 403 with
  // an HTML page is a rate limit: it has no error code.
  if (!REFUSAL_STATUSES.has(status)) return failure('unavailable');
  const row = tokenEndpointFailure(
    { error, description, subtype },
    during === 'exchange' ? 'exchange' : 'refresh',
  );
  const kind = row?.kind ?? 'unavailable';
  if (during === 'assertion') {
    const isFinal = ASSERTION_REFUSALS.has(error) || (kind !== 'unavailable' && error !== 'invalid_request');
    return failure(isFinal ? 'service_account_rejected' : 'unavailable');
  }
  // Section 5.2: always with 400. It ends a grant, so no other status is accepted.
  if (error === 'invalid_grant' && status !== 400) return failure('unavailable');
  return failure(kind);
}

/** A request without a readable response: refused, reset, timed out, or too large. */
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

/** Callers get this time in their own Retry-After, and would wait as long as a broken front end says. */
const MAX_SECONDS = 3600;

/** IMF-fixdate, the form that servers must send (RFC 9110 section 5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * How long Google asks to wait, by both forms of Retry-After (RFC 9110 section 10.2.3).
 * @returns seconds, at most an hour; null where the header is missing or malformed
 */
export function retryAfter(headers: { get(name: string): string | null }): number | null {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (HTTP_DATE.test(value)) {
    // Both dates by the same clock.
    const sentAt = headers.get('date')?.trim() ?? '';
    return HTTP_DATE.test(sentAt) ? boundedSeconds((Date.parse(value) - Date.parse(sentAt)) / 1000) : null;
  }
  return /^\d+$/.test(value) ? boundedSeconds(Number(value)) : null;
}

/** @returns null if the value is not a number */
export function boundedSeconds(seconds: number): number | null {
  return Number.isNaN(seconds) ? null : Math.min(MAX_SECONDS, Math.max(0, Math.ceil(seconds)));
}
