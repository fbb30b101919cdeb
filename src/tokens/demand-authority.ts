import { Injectable } from '@nestjs/common';
import { BrokerError } from '../domain/errors.js';
import { demandAllowed } from '../domain/policy.js';
import { ServiceDirectory } from '../domain/ports/service-directory.js';
import type { TokenWish } from './refusals.js';

/** Google can take its time: a service that was revoked meanwhile, or may have less now, gets nothing of what came. */
@Injectable()
export class DemandAuthority {
  constructor(private readonly services: ServiceDirectory) {}

  /** @throws {BrokerError} `unauthenticated` or `not_allowed` */
  async demand(
    { service, userId, client }: Pick<TokenWish, 'service' | 'userId' | 'client'>,
    scopes: readonly string[],
  ): Promise<void> {
    const current = await this.services.findActive(service.id);
    if (!current) {
      throw new BrokerError('unauthenticated', 'This service was revoked while its call was under way.');
    }
    demandAllowed(current, userId, client.alias, scopes);
  }
}
