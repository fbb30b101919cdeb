import { decodeJwt, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import type { IdTokenExpectation } from '../../domain/google/oauth.js';
import type { VerifiedAccount } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { isPlainText } from '../../domain/text.js';
import type { Endpoints } from '../endpoints.js';
import { googleKeys } from '../google-keys.js';
import { readJsonObject } from '../read-json.js';

/** Tolerated difference between Google's clock and the broker's. */
const TOLERANCE_SECONDS = 60;
/** OpenID Connect Core section 2. */
const MAX_SUBJECT = 255;
/** RFC 5321 section 4.5.3.1.3 says 256; with margin. */
const MAX_TEXT = 320;

/** The check that failed, by jose's code; any other code is a transient failure to fetch the keys. */
const FINAL: Readonly<Record<string, string>> = {
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
  ERR_JWT_EXPIRED: 'expired',
  ERR_JWT_INVALID: 'malformed',
  ERR_JWS_INVALID: 'malformed',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
  ERR_JOSE_NOT_SUPPORTED: 'algorithm',
};
const BY_CLAIM: Readonly<Record<string, string>> = { iss: 'issuer', aud: 'audience', exp: 'expired' };

/** Verifies id_tokens as OpenID Connect Core section 3.1.3.7 asks; with keys that are fetched once and kept. */
export class IdTokenVerifier {
  readonly #keys: JWTVerifyGetKey;

  constructor(
    private readonly endpoints: Endpoints,
    timeoutMs: number,
    now: () => number,
  ) {
    this.#keys = googleKeys(() => Promise.resolve(endpoints.jwks), timeoutMs, now);
  }

  /** @throws {GoogleFailure} `code_rejected` when it is not the token that was requested; the subtype names the check */
  async verify(idToken: Secret | null, expected: IdTokenExpectation): Promise<VerifiedAccount> {
    if (idToken === null) {
      const what = 'The answer holds no id_token, though openid was asked.';
      throw new GoogleFailure('unavailable', 'invalid_response', what, 'id_token_missing');
    }
    const payload = await this.#payload(idToken, expected);
    const { isNonce } = expected;
    if (isNonce && (typeof payload['nonce'] !== 'string' || !isNonce(payload['nonce']))) {
      throw rejected('nonce', 'The nonce is not the one that was sent.');
    }
    const sub = text(payload.sub, MAX_SUBJECT);
    if (sub === null) throw rejected('subject', 'The subject is no plain text.');
    // An unverified address is only the user's claim.
    const email = payload['email_verified'] === true ? text(payload['email'], MAX_TEXT) : null;
    return { sub, email, hostedDomain: text(payload['hd'], MAX_TEXT) };
  }

  async #payload(idToken: Secret, { client, receivedAt }: IdTokenExpectation): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(idToken.reveal(), this.#keys, {
        issuer: [...this.endpoints.issuers],
        audience: client.clientId,
        algorithms: ['RS256'],
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: receivedAt,
      });
      return payload;
    } catch (error) {
      // jose names what failed in `code` and `claim`; its message can quote claims.
      const { code, claim } = error as { code?: unknown; claim?: unknown };
      const why = typeof code === 'string' ? code : 'unverifiable';
      const check =
        why === 'ERR_JWT_CLAIM_VALIDATION_FAILED' ? (BY_CLAIM[String(claim)] ?? 'claim') : FINAL[why];
      if (check !== undefined) throw rejected(check, why);
      throw new GoogleFailure('unavailable', 'invalid_id_token', why, 'keys_unavailable');
    }
  }
}

/** What Google says of an access token's account: less than all of it where the scopes allow no more. */
export interface ClaimedAccount {
  readonly sub: string | null;
  readonly email: string | null;
}

/**
 * Reads a response of the tokeninfo endpoint. Google writes all its values as text there.
 * @throws {GoogleFailure} `unavailable` when it is about another client's token
 */
export function readTokenInfo(body: string, clientId: string): ClaimedAccount {
  const info = readJsonObject(body);
  if (info?.['aud'] !== clientId)
    throw new GoogleFailure('unavailable', 'invalid_response', 'The token belongs to another client.');
  const isVerified = String(info['email_verified']) === 'true';
  return { sub: text(info['sub'], MAX_SUBJECT), email: isVerified ? text(info['email'], MAX_TEXT) : null };
}

/** The `sub` that an id_token claims, unverified: for the slot ledger and nothing else. */
export function claimedSubject(idToken: Secret | null): string | null {
  try {
    return idToken && text(decodeJwt(idToken.reveal()).sub, MAX_SUBJECT);
  } catch {
    return null;
  }
}

function rejected(check: string, why: string): GoogleFailure {
  return new GoogleFailure('code_rejected', 'invalid_id_token', why, check);
}

function text(value: unknown, maxLength: number): string | null {
  const isText = typeof value === 'string' && value !== '' && value.length <= maxLength && isPlainText(value);
  return isText ? value : null;
}
