import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { delegated } from '../domain/access/delegation.js';
import { looksLikeJwt } from '../domain/access/workload-identity.js';
import { BrokerError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { type AuthenticatedCaller, IS_PUBLIC, type Proof, setCaller } from '../http/caller.decorator.js';
import { OAuthRefusal } from '../http/problem/oauth-error.js';
import { rateLimitsOf } from '../http/rate-limit/rate-limit.hook.js';
import { bearerToken, setBearerToken } from '../http/request-context.js';
import { readTokenCredential, REFRESH_TOKEN } from '../http/token-endpoint.js';
import { readHandle } from './delegated-credential.js';
import { DelegatedCredentialCache } from './delegated-credential-cache.js';
import { type KnownService, ServiceCache } from './service-cache.js';
import { isKeyOf, readKey } from './service-key.js';
import { WorkloadJwtVerifier } from './workload-jwt/workload-jwt-verifier.js';

/** Authenticates the caller of every route that is not marked `Public`. */
@Injectable()
export class ServiceAuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly services: ServiceCache,
    private readonly credentials: DelegatedCredentialCache,
    private readonly workloadJwts: WorkloadJwtVerifier,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const open = this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (open) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const hasDelegation =
      request.routeOptions.config.hasCredentialInBody && this.#takeCredential(request, reply);
    const limits = rateLimitsOf(request);
    const caller = await limits.verify(request, reply, () =>
      hasDelegation ? this.#authenticateDelegated(request) : this.#authenticate(request),
    );
    setCaller(request, caller);
    limits.authenticated(request, reply, caller.service.id);
    return true;
  }

  /**
   * At the token endpoint the credential is in the body, and counts from here on.
   * @returns whether it is a delegated one
   */
  #takeCredential(request: FastifyRequest, reply: FastifyReply): boolean {
    const { grantType, token } = readTokenCredential(request);
    setBearerToken(request, token);
    const refusal = rateLimitsOf(request).admitCaller(request, reply);
    if (refusal) throw refusal;
    return grantType === REFRESH_TOKEN;
  }

  /** The same refusal for every fault, so that it does not reveal which services exist. */
  async #authenticate(request: FastifyRequest): Promise<AuthenticatedCaller> {
    const { known, proof } = await this.#find(bearerToken(request));
    if (!known || known.revokedAt) {
      throw new BrokerError('unauthenticated', request.bodyToken === null ? NO_CREDENTIAL : NO_SUBJECT);
    }
    const { id, name, policy, readAt } = known;
    return { service: { id, name, policy }, readAt, proof };
  }

  async #find(token: string): Promise<{ readonly known: KnownService | null; readonly proof: Proof }> {
    const key = readKey(token);
    if (key) {
      const service = await this.services.find(key.id);
      return { known: service && isKeyOf(service, key) ? service : null, proof: LASTING };
    }
    const identity = looksLikeJwt(token) ? await this.workloadJwts.identify(new Secret(token)) : null;
    if (!identity) return { known: null, proof: LASTING };
    return {
      known: await this.services.findByIdentity(identity.issuer, identity.subject),
      proof: identity,
    };
  }

  /** The caller is the service of the credential, with what is left of its policy. RFC 6749 section 5.2 names the refusal. */
  async #authenticateDelegated(request: FastifyRequest): Promise<AuthenticatedCaller> {
    const handle = readHandle(bearerToken(request));
    const proved = handle && (await this.credentials.prove(handle));
    const known = proved && (await this.services.find(proved.credential.serviceId));
    if (!known || known.revokedAt) {
      throw new OAuthRefusal('invalid_grant', new BrokerError('unauthenticated', NO_DELEGATION));
    }
    const { id, name, policy, readAt } = known;
    request.delegation = proved.credential;
    const service = delegated({ id, name, policy }, proved.credential);
    return { service, readAt, proof: proved.proof };
  }
}

const NO_CREDENTIAL =
  "Send a service key, or a JWT of your platform's, as `Authorization: Bearer ...`. An operator makes services with " +
  '`token-broker service create`.';
const NO_SUBJECT =
  "Send a service key, or a JWT of your platform's, as subject_token. This one is neither, or it is expired or revoked.";
const NO_DELEGATION =
  'This refresh_token is not a delegated credential, or it is expired or revoked, or its service is. Make another with ' +
  '`token-broker credential create`.';

/** A key proves its service as long as the service is as it was. */
const LASTING: Proof = { isValid: () => true };
