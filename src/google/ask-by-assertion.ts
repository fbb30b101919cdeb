import { GoogleFailure } from '../domain/google-failure.js';
import type { TokenAnswer } from '../domain/grant.js';
import type { Assertion } from '../domain/ports/google.js';
import { classifyFailure } from './classify-failure.js';
import { endpointsFor } from './endpoints.js';
import { postForm } from './post-form.js';
import { readTokenAnswer } from './read-token-answer.js';
import { readServiceAccountKey, signAssertion } from './service-account.js';

interface Where {
  readonly tokenUrl: string;
  readonly timeoutMs: number;
  readonly now: Date;
  readonly stopping?: AbortSignal;
}

/**
 * Asks once for an access token of a service account (RFC 7523 section 2.1). The key's own `token_uri` is not followed: a
 * file must not decide where signatures go.
 * @throws {GoogleFailure} `service_account_rejected`, `unavailable` or `withheld`
 */
export async function askByAssertion(
  { key, subject, scopes }: Assertion,
  { tokenUrl, timeoutMs, now, stopping }: Where,
): Promise<TokenAnswer> {
  const read = readServiceAccountKey(key.reveal());
  if (typeof read === 'string') throw new Error(`The stored key of a service account ${read}.`);
  const assertion = await signAssertion(read, tokenUrl, now, { subject, scopes });
  const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  const answer = await postForm(tokenUrl, fields, timeoutMs, stopping);
  if (answer.status !== 200) throw classifyFailure({ ...answer, during: 'assertion' });
  // Google names no scope here (seen): then it is what was asked (RFC 6749 section 5.1).
  const { idToken: _unused, ...token } = readTokenAnswer(answer.body, now, scopes);
  return { ...token, refreshToken: null, refreshTokenExpiresAt: null };
}

/**
 * Whether Google gives such a token, tried before a key is kept.
 * @param standInUrl the stand-in for Google; null asks the real one
 * @returns why not; null where it does
 */
export async function tryAssertion(
  assertion: Assertion,
  { standInUrl, timeoutMs, now }: { readonly standInUrl: string | null; timeoutMs: number; now: Date },
): Promise<GoogleFailure | null> {
  try {
    await askByAssertion(assertion, { tokenUrl: endpointsFor(standInUrl).token, timeoutMs, now });
    return null;
  } catch (error) {
    if (error instanceof GoogleFailure) return error;
    throw error;
  }
}
