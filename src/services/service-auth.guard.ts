import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Service } from '../domain/access/policy.js';
import { looksLikeJwt } from '../domain/access/workload-identity.js';
import { BrokerError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { OPEN_TO_ALL, setCaller } from '../http/caller.decorator.js';
import { rateLimitsOf } from '../http/rate-limit/rate-limit.hook.js';
import { bearerToken } from '../http/request-context.js';
import { type KnownService, ServiceCache } from './service-cache.js';
import { isKeyOf, readKey } from './service-key.js';
import { WorkloadJwtVerifier } from './workload-jwt/workload-jwt-verifier.js';

/** Authenticates the caller of every route that is not marked `OpenToAll`. */
@Injectable()
export class ServiceAuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly services: ServiceCache,
    private readonly workloadJwts: WorkloadJwtVerifier,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const open = this.reflector.getAllAndOverride<boolean>(OPEN_TO_ALL, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (open) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { readAt, ...service } = await this.#authenticate(request);
    setCaller(request, service, readAt);
    rateLimitsOf(request).authenticated(request, http.getResponse<FastifyReply>(), service.id);
    return true;
  }

  /** The same refusal for every fault, so that it does not reveal which services exist. */
  async #authenticate(request: FastifyRequest): Promise<Service & Pick<KnownService, 'readAt'>> {
    const service = await this.#find(bearerToken(request));
    if (!service || service.revokedAt) {
      throw new BrokerError(
        'unauthenticated',
        "Send a service key, or a JWT of your platform's, as `Authorization: Bearer ...`. An operator makes services " +
          'with `token-broker service create`.',
      );
    }
    const { id, name, policy, readAt } = service;
    return { id, name, policy, readAt };
  }

  async #find(token: string): Promise<KnownService | null> {
    const key = readKey(token);
    if (key) {
      const service = await this.services.find(key.id);
      return service && isKeyOf(service, key) ? service : null;
    }
    const identity = looksLikeJwt(token) ? await this.workloadJwts.identify(new Secret(token)) : null;
    return identity && this.services.findByIdentity(identity.issuer, identity.subject);
  }
}
