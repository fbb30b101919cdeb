import { Injectable } from '@nestjs/common';
import { assertAllowed } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import { ServiceCache } from '../services/service-cache.js';
import type { TokenRequest } from './token-errors.js';

/** Google can take its time: a service that was revoked meanwhile, or may have less now, gets nothing of what came. */
@Injectable()
export class ServiceAuthority {
  constructor(private readonly services: ServiceCache) {}

  /** @throws {BrokerError} `unauthenticated` or `not_allowed` */
  async demand(
    { service, userId, client }: Pick<TokenRequest, 'service' | 'userId' | 'client'>,
    scopes: readonly string[],
  ): Promise<void> {
    const current = await this.services.findActive(service.id);
    if (!current) {
      throw new BrokerError('unauthenticated', 'This service was revoked while its call was under way.');
    }
    assertAllowed(current, userId, client.alias, scopes);
  }
}
