import { Injectable, Logger } from '@nestjs/common';
import { decodeJwt, type JWTPayload } from 'jose';
import { Settings } from '../../config/settings.js';
import {
  isSubject,
  type ServiceIssuer,
  trustDomainOf,
  type WorkloadIdentity,
} from '../../domain/access/workload-identity.js';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import type { Secret } from '../../domain/secret.js';
import { KeysUnavailable } from './issuer-keys.js';
import { IssuerVerifier, TokenRefused } from './verify-token.js';

const RETRY_SECONDS = 5;

/** Judges JWTs by which platforms name their workloads. */
@Injectable()
export class WorkloadIdentities {
  readonly #log = new Logger(WorkloadIdentities.name);
  readonly #issuers: ReadonlyMap<string, IssuerVerifier>;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
  ) {
    const now = () => clock.monotonicMs();
    this.#issuers = new Map(
      settings.serviceIssuers.map((issuer) => {
        const report = (failure: unknown) => {
          this.#report(issuer, failure);
        };
        return [issuer.name, new IssuerVerifier(issuer, { now, report })];
      }),
    );
  }

  /**
   * @returns who the token proves its bearer to be; null when it proves nothing to us
   * @throws {BrokerError} `issuer_unavailable`: the keys of a configured issuer cannot be had, so nothing is known
   */
  async identify(token: Secret): Promise<WorkloadIdentity | null> {
    const jwt = token.reveal();
    const verifier = this.#issuerOf(jwt);
    if (!verifier) return null;
    const { name } = verifier.issuer;
    try {
      return { issuer: name, subject: await verifier.verify(jwt, this.clock.now()) };
    } catch (error) {
      // Only what we configured and fixed words are logged: the token could come from anybody.
      if (error instanceof TokenRefused) {
        this.#log.log({ issuer: name, why: error.why }, 'a JWT was refused');
        return null;
      }
      if (!(error instanceof KeysUnavailable)) throw error;
      throw new BrokerError(
        'issuer_unavailable',
        'The broker cannot get the keys to check this JWT with. Try again; tell the operator if it stays.',
        { retry_after: RETRY_SECONDS },
      );
    }
  }

  /** Once for each outage, not for each call: anybody can make those. */
  #report({ name }: ServiceIssuer, failure: unknown): void {
    if (failure === null) this.#log.log({ issuer: name }, "an issuer's keys can be had again");
    else
      this.#log.warn(
        { issuer: name, err: failure },
        "an issuer's keys cannot be had; those from before stay in use",
      );
  }

  /** By what the token claims of itself; the keys of that issuer then prove the same bytes. */
  #issuerOf(jwt: string): IssuerVerifier | undefined {
    let claims: JWTPayload;
    try {
      claims = decodeJwt(jwt);
    } catch {
      return undefined;
    }
    const { iss, sub } = claims;
    const byIssuer = typeof iss === 'string' ? this.#ofKind('issuer', iss) : undefined;
    if (byIssuer) return byIssuer;
    // JWT-SVID section 3: `iss` is optional there, and the subject's trust domain is who vouches.
    const domain = isSubject(sub) ? trustDomainOf(sub) : null;
    return domain === null ? undefined : this.#ofKind('trust-domain', domain);
  }

  #ofKind(kind: ServiceIssuer['kind'], name: string): IssuerVerifier | undefined {
    const verifier = this.#issuers.get(name);
    return verifier?.issuer.kind === kind ? verifier : undefined;
  }
}
