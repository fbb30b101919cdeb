import type { Assertion } from '../../domain/google/oauth.js';
import type { GoogleTokenResponse } from '../../domain/grant/grant.js';
import { endpointsFor } from '../endpoints.js';
import { readServiceAccountKey, signAssertion } from '../service-account-key.js';
import { classifyFailure } from './classify-failure.js';
import { postForm } from './post-form.js';
import { parseTokenEndpointResponse } from './token-endpoint-response.js';

interface Where {
  readonly tokenUrl: string;
  readonly timeoutMs: number;
  readonly now: Date;
  readonly shutdown?: AbortSignal;
}

/**
 * Requests one access token of a service account (RFC 7523 section 2.1). The key's own `token_uri` is not followed: a
 * file must not decide where signatures go.
 * @throws {GoogleFailure} `service_account_rejected`, `unavailable` or `withheld`
 */
export async function askByAssertion(
  { key, subject, scopes }: Assertion,
  { tokenUrl, timeoutMs, now, shutdown }: Where,
): Promise<GoogleTokenResponse> {
  const read = readServiceAccountKey(key.reveal());
  if (typeof read === 'string') throw new Error(`The stored key of a service account ${read}.`);
  const assertion = await signAssertion(read, tokenUrl, now, { subject, scopes });
  const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  const response = await postForm(tokenUrl, fields, timeoutMs, shutdown);
  if (response.status !== 200) throw classifyFailure({ ...response, during: 'assertion' });
  // Google names no scope here (seen): it is what was requested (RFC 6749 section 5.1).
  const { idToken: _unused, ...token } = parseTokenEndpointResponse(response.body, now, scopes);
  return { ...token, refreshToken: null, refreshTokenExpiresAt: null };
}

/**
 * Tries an assertion before a key is stored.
 * @param standInUrl the stand-in for Google; null: Google itself
 * @throws {GoogleFailure} where Google issues no token
 */
export async function tryAssertion(
  assertion: Assertion,
  { standInUrl, timeoutMs, now }: { readonly standInUrl: string | null; timeoutMs: number; now: Date },
): Promise<void> {
  await askByAssertion(assertion, { tokenUrl: endpointsFor(standInUrl).token, timeoutMs, now });
}
