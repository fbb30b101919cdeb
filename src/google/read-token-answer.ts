import { GoogleFailure } from '../domain/google-failure.js';
import type { TokenAnswer } from '../domain/grant.js';
import { parseScopes } from '../domain/scopes.js';
import { Secret } from '../domain/secret.js';

/** Google's access tokens live about an hour; a longer claim is not believed. */
const LONGEST_SECONDS = 24 * 3600;
/** For an answer that says nothing usable: good for one call now, asked again soon. */
const UNKNOWN_SECONDS = 60;

export interface RawTokenAnswer extends TokenAnswer {
  readonly idToken: Secret | null;
}

/**
 * Reads a 200 of the token endpoint, liberal in what it takes (RFC 6749 section 5.1).
 * @param startedAt when the request began: lifetimes count from here, so a slow answer errs on the safe side
 * @param askedScopes stands in for a missing `scope`, which then equals what was asked (section 5.1)
 */
export function readTokenAnswer(
  body: string,
  startedAt: Date,
  askedScopes: readonly string[],
): RawTokenAnswer {
  const json = parse(body);
  const accessToken = json['access_token'];
  if (typeof accessToken !== 'string' || accessToken === '') {
    throw new GoogleFailure('unavailable', 'invalid_response', 'The answer holds no access token.');
  }
  const after = (seconds: number) => new Date(startedAt.getTime() + seconds * 1000);
  const refreshSeconds = positive(json['refresh_token_expires_in']);
  return {
    accessToken: new Secret(accessToken),
    obtainedAt: startedAt,
    expiresAt: after(Math.min(positive(json['expires_in']) ?? UNKNOWN_SECONDS, LONGEST_SECONDS)),
    scopes: typeof json['scope'] === 'string' ? parseScopes(json['scope']) : askedScopes,
    refreshToken: secret(json['refresh_token']),
    refreshTokenExpiresAt:
      refreshSeconds === null ? null : after(Math.min(refreshSeconds, 10 * 365 * 86_400)),
    idToken: secret(json['id_token']),
  };
}

function parse(body: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
  } catch {
    // Said below; the parser's own message would quote the body.
  }
  throw new GoogleFailure('unavailable', 'invalid_response', 'The answer is not JSON.');
}

function secret(value: unknown): Secret | null {
  return typeof value === 'string' && value !== '' ? new Secret(value) : null;
}

function positive(value: unknown): number | null {
  const number = typeof value === 'string' ? Number.parseInt(value, 10) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : null;
}
