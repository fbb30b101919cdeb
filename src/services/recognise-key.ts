import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { bearerToken } from '../http/credential.js';
import { RememberedServices } from './remembered-services.js';
import { isKeyOf, readKey } from './service-key.js';

/** Tells the keys of services from made-up ones for the rate limits, before anything is asked or read. */
@Injectable()
export class RecogniseKey {
  constructor(private readonly services: RememberedServices) {}

  /** @returns the id of the service whose key the call shows, as far as memory knows */
  serviceOf(request: FastifyRequest): string | null {
    const key = readKey(bearerToken(request));
    const service = key && this.services.recall(key.id);
    return key && service && !service.revokedAt && isKeyOf(service, key) ? service.id : null;
  }
}
