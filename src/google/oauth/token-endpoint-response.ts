import { BrokenTokenResponse, GoogleFailure } from '../../domain/google/google-failure.js';
import type { CodeExchangeResponse } from '../../domain/google/oauth.js';
import { areScopeTokens, missingScopes, parseScopes } from '../../domain/google/scopes.js';
import type { GoogleTokenResponse, NewRefreshToken } from '../../domain/grant/grant.js';
import { after } from '../../domain/ports/clock.js';
import { Secret } from '../../domain/secret.js';
import { readJsonObject } from '../read-json.js';

/** Google's access tokens live about an hour; a longer lifetime is capped. */
const MAX_SECONDS = 24 * 3600;
/** For a response without a usable lifetime: enough for one call, refreshed soon. */
const UNKNOWN_SECONDS = 60;
const MAX_REFRESH_SECONDS = 10 * 365 * 86_400;

/** Google promises 2048 and 512 characters at most (https://developers.google.com/identity/protocols/oauth2#size). */
const MAX_ACCESS_TOKEN = 2048;
/** One that is longer than promised would be lost with the consent, so four times as long is accepted. */
const MAX_REFRESH_TOKEN = 2048;
const MAX_ID_TOKEN = 16_384;

/** RFC 6750 section 2.1: the syntax of an Authorization header. */
const BEARER_TOKEN = /^[\w.~+/-]+=*$/;
/** RFC 6749 appendix A.17, without the space. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** JWS compact serialisation: RFC 7515 section 7.1. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Parses a 200 of the token endpoint (RFC 6749 section 5.1). Lenient where Google or a proxy may be sloppy without harm;
 * a response that could hand out a wrong token or change a grant by mistake is invalid: nothing of it is kept but a new refresh
 * token, and the request is retried later.
 * @param startedAt when the request began: lifetimes count from here, so a slow response errs on the safe side
 * @param askedScopes replaces a missing `scope`, which then equals what was requested (section 5.1)
 * @param sent the refresh token of a refresh, which is no new one; null: of another grant type
 * @throws {GoogleFailure} `unavailable`; a `BrokenTokenResponse` where it brought a new refresh token
 */
export function parseTokenEndpointResponse(
  body: string,
  startedAt: Date,
  askedScopes: readonly string[],
  sent: Secret | null = null,
): CodeExchangeResponse {
  const json = readJsonObject(body);
  if (!json) throw broken('is not one JSON object');
  if (json['error'] !== undefined && json['error'] !== null) throw broken('holds an error beside a 200');
  const issued = newRefreshToken(json, startedAt, sent);
  try {
    const { token_type: type } = json;
    // Section 7.1: a token of a type that is not understood must not be used. The name is compared without case.
    if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
      throw broken('is not of token_type Bearer');
    const accessToken = secret(json, 'access_token', BEARER_TOKEN, MAX_ACCESS_TOKEN);
    if (!accessToken) throw broken('holds no access token');
    const seconds = Math.min(positive(json['expires_in']) ?? UNKNOWN_SECONDS, MAX_SECONDS);
    return {
      accessToken,
      obtainedAt: startedAt,
      expiresAt: after(startedAt, seconds),
      scopes: scopes(json['scope'], askedScopes, sent !== null),
      ...issued,
      idToken: idTokenOf(json),
    };
  } catch (error) {
    throw error instanceof GoogleFailure ? keeping(issued, error, wellFormedIdToken(json)) : error;
  }
}

/** The same refresh token again is no change of the grant. Its lifetime is only of use where nothing is known of it yet. */
function newRefreshToken(
  json: Readonly<Record<string, unknown>>,
  startedAt: Date,
  sent: Secret | null,
): NewRefreshToken {
  const refreshToken = secret(json, 'refresh_token', VISIBLE, MAX_REFRESH_TOKEN);
  const seconds = positive(json['refresh_token_expires_in']);
  return {
    refreshToken: sent !== null && refreshToken?.equals(sent) ? null : refreshToken,
    refreshTokenExpiresAt: seconds === null ? null : after(startedAt, Math.min(seconds, MAX_REFRESH_SECONDS)),
  };
}

/**
 * Rejects a refresh that names none of the granted scopes: it says nothing of the grant.
 * @throws {GoogleFailure} as parsing does
 */
export function assertSomeOf(response: GoogleTokenResponse, granted: readonly string[]): void {
  const missing = missingScopes(granted, response.scopes);
  if (granted.length > 0 && missing.length === new Set(granted).size)
    throw keeping(response, broken('names none of the scopes that were granted'));
}

/**
 * Rejects a refresh that names no scope, where nothing is known of the grant.
 * @throws {GoogleFailure} as parsing does
 */
export function assertScopes(response: CodeExchangeResponse): void {
  if (response.scopes.length === 0) throw keeping(response, broken('names no scope'), response.idToken);
}

/**
 * @param isRefresh an empty `scope` then says as little as a missing one: what was asked for. In a code exchange it would count as
 * everything that was asked for, which the user may have unticked
 */
function scopes(value: unknown, asked: readonly string[], isRefresh: boolean): readonly string[] {
  if (value === undefined || value === null) return asked;
  if (typeof value !== 'string') throw broken('holds a scope that is no text');
  // Section 3.3 knows the space only; another white space between two scopes is read the same.
  const named = parseScopes(value.replaceAll(/[\t\r\n]/g, ' '));
  if (named.length === 0 && isRefresh) return asked;
  if (named.length === 0) throw broken('names no scope');
  if (!areScopeTokens(named)) throw broken('holds a scope that cannot be one');
  return named;
}

/** @returns null for an absent or empty member @throws {GoogleFailure} for a malformed one */
function secret(
  json: Readonly<Record<string, unknown>>,
  name: string,
  form: RegExp,
  maxLength: number,
): Secret | null {
  const value = json[name];
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') throw broken(`holds a ${name} that is no text`);
  if (value.length > maxLength) throw broken(`holds a ${name} of ${value.length} characters`);
  if (!form.test(value)) throw broken(`holds a ${name} with characters that none can have`);
  return new Secret(value);
}

/** It may be what the response is broken by. */
function wellFormedIdToken(json: Readonly<Record<string, unknown>>): Secret | null {
  try {
    return idTokenOf(json);
  } catch {
    return null;
  }
}

function idTokenOf(json: Readonly<Record<string, unknown>>): Secret | null {
  return secret(json, 'id_token', COMPACT_JWS, MAX_ID_TOKEN);
}

/** Whole seconds, as a number or its decimal digits; null for anything else. */
function positive(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 1 ? Math.floor(number) : null;
}

function keeping(
  { refreshToken, refreshTokenExpiresAt }: NewRefreshToken,
  failure: GoogleFailure,
  idToken: Secret | null = null,
): GoogleFailure {
  if (refreshToken === null) return failure;
  return new BrokenTokenResponse(failure.description, { refreshToken, refreshTokenExpiresAt }, idToken);
}

function broken(what: string): GoogleFailure {
  return new GoogleFailure('unavailable', 'invalid_response', `The response ${what}.`);
}
