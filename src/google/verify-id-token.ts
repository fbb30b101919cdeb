import { errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { GoogleFailure } from '../domain/google-failure.js';
import type { VerifiedAccount } from '../domain/grant.js';
import type { Secret } from '../domain/secret.js';
import type { Endpoints } from './endpoints.js';
import { googleKeys } from './google-keys.js';

/** Clocks of Google and ours may differ by this much. */
const TOLERANCE_SECONDS = 60;

export interface IdTokenExpectation {
  readonly clientId: string;
  readonly isNonce: (nonce: string) => boolean;
  readonly now: Date;
}

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

  /** @throws {GoogleFailure} `code_rejected` when the token is not what we asked for */
  async verify(idToken: Secret, expected: IdTokenExpectation): Promise<VerifiedAccount> {
    try {
      const { payload } = await jwtVerify(idToken.reveal(), this.#keys, {
        issuer: [...this.endpoints.issuers],
        audience: expected.clientId,
        algorithms: ['RS256'],
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: expected.now,
      });
      if (typeof payload['nonce'] !== 'string' || !expected.isNonce(payload['nonce'])) {
        throw new GoogleFailure('code_rejected', 'invalid_id_token', 'The nonce is not the one we sent.');
      }
      const text = (claim: string) => (typeof payload[claim] === 'string' ? payload[claim] : null);
      // An address that Google has not verified is a claim of the user's.
      const email = payload['email_verified'] === true ? text('email') : null;
      return { sub: payload.sub as string, email, hostedDomain: text('hd') };
    } catch (error) {
      if (error instanceof GoogleFailure) throw error;
      // jose names what failed in `code`; its message can quote claims.
      if (error instanceof errors.JOSEError)
        throw new GoogleFailure('code_rejected', 'invalid_id_token', error.code);
      // The keys, then: those cannot be had, and nothing is known about the token.
      throw new GoogleFailure('unavailable', 'invalid_id_token', 'unverifiable');
    }
  }
}
