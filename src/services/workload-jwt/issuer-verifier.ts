import {
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
} from 'jose';
import {
  isSubject,
  type ServiceIssuer,
  type WorkloadIdentity,
} from '../../domain/access/workload-identity.js';
import type { Proof } from '../../http/caller.decorator.js';
import { IssuerKeys, KeysUnavailable } from './issuer-keys.js';

/** Asymmetric algorithms only: with a shared secret, the verifier could also issue tokens. Never `none`. */
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

/** Refuses logout tokens, security events and other kinds that have a `typ` of their own (RFC 8725 section 3.11). */
const TYPES = ['jwt', 'jose', 'at+jwt'];

/** Allowed difference between the clocks of an issuer and of the broker. */
const CLOCK_TOLERANCE_SECONDS = 60;
const MAX_LIFETIME_SECONDS = 24 * 3600;

/** An identity, and how long its JWT proves it without being verified again. */
export type ProvedIdentity = WorkloadIdentity & Proof;

/** The token is invalid, or not for this broker. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';

  /** @param why a fixed word, never text of the token */
  constructor(readonly why: string) {
    super(why);
  }
}

/** Valid until its `exp`, and as long as the keys are the ones that verified it: a withdrawn key ends it. */
export class VerifiedJwt implements ProvedIdentity {
  constructor(
    readonly issuer: string,
    readonly subject: string,
    private readonly expiresAt: number,
    private readonly keys: IssuerKeys,
    /** Null where they were loaded for it, or meanwhile: then it is valid for one call. */
    private readonly verifiedWith: JSONWebKeySet | null,
  ) {}

  isValid(now: Date): boolean {
    return (
      this.verifiedWith !== null &&
      now.getTime() < this.expiresAt &&
      this.keys.current() === this.verifiedWith
    );
  }

  /** As `isValid`, after keys that are due were fetched. */
  async isValidOnceFetched(now: Date): Promise<boolean> {
    if (this.verifiedWith !== null && this.keys.current() === null) await this.keys.get().catch(() => null);
    return this.isValid(now);
  }
}

/** Verifies the JWTs of one issuer: RFC 7519, with the rules of RFC 8725 sections 3.1, 3.8, 3.9 and 3.11. */
export class IssuerVerifier {
  readonly #keys: IssuerKeys;

  constructor(
    readonly issuer: ServiceIssuer,
    options: ConstructorParameters<typeof IssuerKeys>[1],
  ) {
    this.#keys = new IssuerKeys(issuer, options);
  }

  /** It is configured no more: what it verified proves nothing from now on. */
  end(): void {
    this.#keys.end();
  }

  /**
   * @throws {TokenRefused}
   * @throws {KeysUnavailable}
   */
  async verify(jwt: string, now: Date): Promise<VerifiedJwt> {
    const { name, kind, audience } = this.issuer;
    const keys = this.#keys.current();
    const { payload, protectedHeader } = await verified(jwt, this.#keys.choose, {
      ...(kind === 'issuer' ? { issuer: name } : {}),
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ['sub', 'exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
    if (!isAccepted(protectedHeader.typ)) throw new TokenRefused('typ');
    assertShortLifetime(payload, now);
    const { sub, exp = 0 } = payload;
    if (!isSubject(sub)) throw new TokenRefused('sub');
    const verifiedWith = this.#keys.current() === keys ? keys : null;
    return new VerifiedJwt(name, sub, exp * 1000, this.#keys, verifiedWith);
  }
}

/** A media type, compared without case, whose `application/` may be left out (RFC 7515 section 4.1.9). */
function isAccepted(typ: unknown): boolean {
  if (typeof typ !== 'string') return typ === undefined;
  return TYPES.includes(typ.toLowerCase().replace(/^application\//, ''));
}

/** A token that is valid for months is a key that cannot be revoked. */
function assertShortLifetime({ iat, exp = Infinity }: JWTPayload, now: Date): void {
  const seconds = now.getTime() / 1000;
  if (iat !== undefined && iat > seconds + CLOCK_TOLERANCE_SECONDS) throw new TokenRefused('iat');
  if (exp - (iat ?? seconds) > MAX_LIFETIME_SECONDS) throw new TokenRefused('lifetime');
}

async function verified(
  jwt: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(jwt, keys, options).catch((error: unknown) => {
      // A JWT-SVID may omit the key id: every matching key is tried.
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
