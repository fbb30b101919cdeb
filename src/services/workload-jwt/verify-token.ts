import {
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
} from 'jose';
import { isSubject, type ServiceIssuer } from '../../domain/access/workload-identity.js';
import { keysOf, KeysUnavailable } from './issuer-keys.js';

/** Public-key algorithms only: with a shared secret, whoever checks a token could make one. Never `none`. */
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

/** A JWT is one for a workload, not a logout token, a security event or another kind that names its own type. */
const TYPES = [undefined, 'JWT', 'JOSE'];

/** Clocks of issuers and ours may differ by this much. */
const TOLERANCE_SECONDS = 60;
const MAX_LIFE_SECONDS = 24 * 3600;

/** The token proves nothing to us. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';

  /** @param why a fixed word, nothing of the token */
  constructor(readonly why: string) {
    super(why);
  }
}

/** Verifies the JWTs of one issuer: RFC 7519, with the rules of RFC 8725 sections 3.1, 3.8, 3.9 and 3.11. */
export class IssuerVerifier {
  readonly #keys: JWTVerifyGetKey;

  constructor(
    readonly issuer: ServiceIssuer,
    around: Parameters<typeof keysOf>[1],
  ) {
    this.#keys = keysOf(issuer, around);
  }

  /**
   * @returns the subject
   * @throws {TokenRefused}
   * @throws {KeysUnavailable}
   */
  async verify(jwt: string, now: Date): Promise<string> {
    const { name, kind, audience } = this.issuer;
    const { payload, protectedHeader } = await verified(jwt, this.#keys, {
      ...(kind === 'issuer' ? { issuer: name } : {}),
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ['sub', 'exp'],
      clockTolerance: TOLERANCE_SECONDS,
      currentDate: now,
    });
    if (!TYPES.includes(protectedHeader.typ)) throw new TokenRefused('typ');
    assertShortLife(payload, now);
    const { sub } = payload;
    if (!isSubject(sub)) throw new TokenRefused('sub');
    return sub;
  }
}

/** A token that lives for months is a key that nobody can take back. */
function assertShortLife({ iat, exp = Infinity }: JWTPayload, now: Date): void {
  const seconds = now.getTime() / 1000;
  if (iat !== undefined && iat > seconds + TOLERANCE_SECONDS) throw new TokenRefused('iat');
  if (exp - (iat ?? seconds) > MAX_LIFE_SECONDS) throw new TokenRefused('lifetime');
}

async function verified(
  jwt: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(jwt, keys, options).catch((error: unknown) => {
      // A JWT-SVID need not name its key; then each that fits is tried.
      if (error instanceof errors.JWKSMultipleMatchingKeys) return withAny(error, jwt, options);
      throw error;
    });
  } catch (error) {
    if (error instanceof KeysUnavailable) throw error;
    if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
      throw new TokenRefused(error.claim);
    }
    throw new TokenRefused(error instanceof errors.JOSEError ? error.code : 'unverifiable');
  }
}

async function withAny(
  keys: errors.JWKSMultipleMatchingKeys,
  jwt: string,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  for await (const key of keys) {
    try {
      return await jwtVerify(jwt, key, options);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}
