import { hash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { decodeJwt, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';
import { isSubject, type ServiceIssuer, trustDomainOf } from '../../domain/access/workload-identity.js';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import type { Secret } from '../../domain/secret.js';
import { DeclaredSettingsRepository } from '../../token-store/declarations/declared-settings.repository.js';
import { KeysUnavailable } from './issuer-keys.js';
import { IssuerVerifier, type ProvedIdentity, TokenRefused, type VerifiedJwt } from './issuer-verifier.js';

const RETRY_SECONDS = 5;
/** Each workload has a new JWT every few minutes or hours. */
const MAX_VERIFIED = 20_000;

/**
 * Verifies the JWTs with which workloads identify themselves: which configured issuer signed them, and for whom. A valid
 * one is cached by its digest, until it expires or its issuer's keys are loaded again. Whether a service has the identity
 * is the caller's question, each time.
 */
@Injectable()
export class WorkloadJwtVerifier {
  readonly #log = new Logger(WorkloadJwtVerifier.name);
  /** Of the issuers as they were configured last. */
  #issuers: {
    readonly of: readonly ServiceIssuer[];
    readonly verifiers: ReadonlyMap<string, IssuerVerifier>;
  } = { of: [], verifiers: new Map() };
  readonly #verified = new LRUCache<string, VerifiedJwt>(cacheBound(MAX_VERIFIED));

  constructor(
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns the identity that the token proves; null when it is refused, or of no configured issuer
   * @throws {BrokerError} `issuer_unavailable`: the keys of a configured issuer are unavailable
   */
  async identify(token: Secret): Promise<ProvedIdentity | null> {
    const jwt = token.reveal();
    const verifiers = await this.#verifiers();
    const digest = hash('sha256', jwt, 'base64url');
    const known = this.#verified.get(digest);
    if (await known?.isValidOnceFetched(this.clock.now())) return known ?? null;
    const verifier = issuerOf(jwt, verifiers);
    if (!verifier) return null;
    const { name } = verifier.issuer;
    try {
      const verified = await verifier.verify(jwt, this.clock.now());
      this.#verified.set(digest, verified);
      return verified;
    } catch (error) {
      this.#verified.delete(digest);
      // Logs only the configured name and fixed words: anyone can send a token.
      if (error instanceof TokenRefused) {
        this.#log.log({ issuer: name, why: error.why }, 'a JWT was refused');
        return null;
      }
      if (!(error instanceof KeysUnavailable)) throw error;
      throw new BrokerError(
        'issuer_unavailable',
        'The broker cannot get the keys to verify this JWT. Try again; if it persists, inform the operator.',
        { retry_after: RETRY_SECONDS },
      );
    }
  }

  /** Once per outage, not per call: anyone can cause calls. */
  #report({ name }: ServiceIssuer, failure: unknown): void {
    if (failure === null) this.#log.log({ issuer: name }, "an issuer's keys are available again");
    else
      this.#log.warn(
        { issuer: name, err: failure },
        "an issuer's keys are unavailable; the cached ones stay in use",
      );
  }

  /** Issuers that did not change keep their keys; what others signed is verified again. */
  async #verifiers(): Promise<ReadonlyMap<string, IssuerVerifier>> {
    const issuers = await this.declared.serviceIssuers();
    if (issuers === this.#issuers.of) return this.#issuers.verifiers;
    const before = this.#issuers.verifiers;
    const now = () => this.clock.monotonicMs();
    const verifiers = new Map(
      issuers.map((issuer) => {
        const known = before.get(issuer.name);
        if (known && JSON.stringify(known.issuer) === JSON.stringify(issuer)) return [issuer.name, known];
        const report = (failure: unknown) => {
          this.#report(issuer, failure);
        };
        return [issuer.name, new IssuerVerifier(issuer, { now, report })];
      }),
    );
    for (const [name, verifier] of before) if (verifiers.get(name) !== verifier) verifier.end();
    this.#issuers = { of: issuers, verifiers };
    return verifiers;
  }
}

/** By the token's unverified claims; the keys of that issuer then verify the token. */
function issuerOf(jwt: string, verifiers: ReadonlyMap<string, IssuerVerifier>): IssuerVerifier | undefined {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(jwt);
  } catch {
    return undefined;
  }
  const ofKind = (kind: ServiceIssuer['kind'], name: string) => {
    const verifier = verifiers.get(name);
    return verifier?.issuer.kind === kind ? verifier : undefined;
  };
  const { iss, sub } = claims;
  const byIssuer = typeof iss === 'string' ? ofKind('issuer', iss) : undefined;
  if (byIssuer) return byIssuer;
  // JWT-SVID section 3: `iss` is optional, and the trust domain of the subject is the issuer.
  const domain = isSubject(sub) ? trustDomainOf(sub) : null;
  return domain === null ? undefined : ofKind('trust-domain', domain);
}
