import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Service } from '../domain/access/policy.js';
import { looksLikeJwt } from '../domain/access/workload-identity.js';
import { BrokerError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { IS_PUBLIC, type Proof, setCaller } from '../http/caller.decorator.js';
import { rateLimitsOf } from '../http/rate-limit/rate-limit.hook.js';
import { bearerToken } from '../http/request-context.js';
import { type KnownService, ServiceCache } from './service-cache.js';
import { isKeyOf, readKey } from './service-key.js';
import { WorkloadJwtVerifier } from './workload-jwt/workload-jwt-verifier.js';

/** Authenticates the caller of every route that is not marked `Public`. */
@Injectable()
export class ServiceAuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly services: ServiceCache,
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
    const { service, readAt, proof } = await this.#authenticate(request);
    setCaller(request, service, readAt, proof);
    rateLimitsOf(request).authenticated(request, http.getResponse<FastifyReply>(), service.id);
    return true;
  }

  /** The same refusal for every fault, so that it does not reveal which services exist. */
  async #authenticate(request: FastifyRequest): Promise<AuthenticatedCaller> {
    const { known, proof } = await this.#find(bearerToken(request));
    if (!known || known.revokedAt) {
      throw new BrokerError(
        'unauthenticated',
        "Send a service key, or a JWT of your platform's, as `Authorization: Bearer ...`. An operator makes services " +
          'with `token-broker service create`.',
      );
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
}

interface AuthenticatedCaller {
  readonly service: Service;
  readonly readAt: number;
  readonly proof: Proof;
}

/** A key proves its service as long as the service is as it was. */
const LASTING: Proof = { isValid: () => true };
