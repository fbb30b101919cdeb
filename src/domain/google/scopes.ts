/**
 * Scopes as Google treats them: a set, in any order, some under two names.
 * https://developers.google.com/identity/protocols/oauth2/scopes
 */
const USERINFO = 'https://www.googleapis.com/auth/userinfo.';

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['email', `${USERINFO}email`],
  ['profile', `${USERINFO}profile`],
]);

/**
 * Asked for at every connect, so that the id_token names the account that consented. Without it neither the
 * grant's identity nor the slot ledger (100 refresh tokens per account and client) could be kept.
 */
export const SIGN_IN_SCOPES: readonly string[] = ['openid', `${USERINFO}email`];

/** Those that only say who the account is, in whole or in part. */
export const IDENTITY_SCOPES: ReadonlySet<string> = new Set([...SIGN_IN_SCOPES, `${USERINFO}profile`]);

/**
 * Whether Google adds `openid` to these (observed), so that their token always names the account. Who may have the email
 * address or the profile learns the account's id from the same endpoint: a token is no wider by it.
 */
export function addsOpenId(scopes: readonly string[]): boolean {
  return scopes.some((scope) => scope.startsWith(USERINFO) || ALIASES.has(scope));
}

/** The one scope of the Google Ads API. */
export const ADWORDS = 'https://www.googleapis.com/auth/adwords';

/** Of one request, and of an imported grant. */
export const MAX_SCOPES = 50;
const COUNT = `1 to ${MAX_SCOPES} scopes`;
const FORMS = 'https URLs, or openid, email, profile.';

/** In one string (RFC 6749 section 3.3). */
export const SCOPE_LIST_RULE = `must be ${COUNT}, separated by spaces: ${FORMS}`;
export const SCOPE_ARRAY_RULE = `must be a list of ${COUNT}: ${FORMS}`;
export const GOOGLE_SCOPE_LIST_RULE = `must be ${COUNT} of Google's, separated by spaces: https://www.googleapis.com/auth/..., openid, email, profile.`;

/** RFC 6749 section 3.3 allows these characters in a scope token. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

export function canonicalScope(scope: string): string {
  return ALIASES.get(scope) ?? scope;
}

/** A scope Google could know: `openid`, an alias of it, or an https URL. */
export function isScope(scope: string): boolean {
  if (scope === 'openid' || ALIASES.has(scope)) return true;
  return SCOPE_TOKEN.test(scope) && scope.startsWith('https://') && URL.canParse(scope);
}

/** Whether all are made of the characters that a scope may have, whatever they name. */
export function areScopeTokens(scopes: readonly string[]): boolean {
  return scopes.every((scope) => SCOPE_TOKEN.test(scope));
}

/** Scopes of Google's APIs that are named otherwise than `https://www.googleapis.com/auth/NAME`. */
const OLDER_SCOPE =
  /^https:\/\/(mail\.google\.com\/$|(www|docs|spreadsheets|sites|apps-apis|picasaweb)\.google\.com\/[\w./-]+$|www\.blogger\.com\/feeds\/?$)/;

/** Whether a scope is of a form that Google knows; it shows `invalid_scope` on its own page for any other. */
export function isGoogleScope(scope: string): boolean {
  if (scope === 'openid' || ALIASES.has(scope)) return true;
  return (
    isScope(scope) &&
    (/^https:\/\/www\.googleapis\.com\/auth\/[a-z][a-z0-9._-]*$/.test(scope) || OLDER_SCOPE.test(scope))
  );
}

/** Splits an OAuth `scope` string into a sorted set of canonical names. Does not judge them: see `isScope`. */
export function parseScopes(scope: string): string[] {
  return scopeSet(scope.split(' ').filter((part) => part !== ''));
}

export function scopeSet(scopes: Iterable<string>): string[] {
  const list = [...scopes];
  // As they are stored. Each call of a token compares several.
  return list.every((scope, index) => isNext(list[index - 1], scope))
    ? list
    : [...new Set(list.map(canonicalScope))].sort();
}

function isNext(before: string | undefined, scope: string): boolean {
  return (before === undefined || before < scope) && !ALIASES.has(scope);
}

/** One name for a set of scopes, whatever their order: what its access token is kept under. */
export function scopeKey(scopes: Iterable<string>): string {
  return scopeSet(scopes).join(' ');
}

export function missingScopes(wanted: readonly string[], held: readonly string[]): string[] {
  const holds = new Set(held.map(canonicalScope));
  return scopeSet(wanted).filter((scope) => !holds.has(scope));
}

export function sameScopes(a: readonly string[], b: readonly string[]): boolean {
  return scopeKey(a) === scopeKey(b);
}

/** Of the given scopes, those that are among the others; each by its canonical name. */
export function commonScopes(scopes: readonly string[], others: readonly string[]): string[] {
  const among = new Set(others.map(canonicalScope));
  return scopeSet(scopes).filter((scope) => among.has(scope));
}
