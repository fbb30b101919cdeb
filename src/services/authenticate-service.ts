import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import type { Service } from '../domain/policy.js';
import { ServiceStore, type Credential } from '../domain/ports/service-store.js';
import { OPEN_TO_ALL, setCaller } from '../http/caller.js';
import { readKey, sameHash } from './service-key.js';

/** Guards every route that does not say it is open to all. */
@Injectable()
export class AuthenticateService implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly services: ServiceStore,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const open = this.reflector.getAllAndOverride<boolean>(OPEN_TO_ALL, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (open) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    setCaller(request, await this.#authenticate(request.headers.authorization));
    return true;
  }

  /** One answer for every fault, so that nothing is learned about which ids exist. */
  async #authenticate(header: string | undefined): Promise<Service> {
    const presented = readKey(/^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '');
    const service = presented && (await this.services.find(presented.id));
    if (!service || service.revokedAt || !isKey(service.credential, presented.hash)) {
      throw new BrokerError(
        'unauthenticated',
        'Send a service key as `Authorization: Bearer tbk_...`. An operator makes one with `token-broker service create`.',
      );
    }
    return { id: service.id, name: service.name, policy: service.policy };
  }
}

function isKey(credential: Credential, hash: Uint8Array): boolean {
  return credential.kind === 'key' && sameHash(credential.keyHash, hash);
}
