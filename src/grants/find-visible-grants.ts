import { Injectable } from '@nestjs/common';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import { demandAllowed, mayUseClient, type Service } from '../domain/policy.js';
import { GrantStore } from '../domain/ports/grant-store.js';

/** The grants that a service may know of. */
@Injectable()
export class FindVisibleGrants {
  constructor(private readonly grants: GrantStore) {}

  /** @throws {BrokerError} `not_allowed` when the policy does not cover this user */
  async ofUser(service: Service, userId: string): Promise<Grant[]> {
    demandAllowed(service, userId, service.policy.clients[0] ?? '', []);
    const grants = await this.grants.findByUser(userId);
    return grants.filter((grant) => mayUseClient(service.policy, grant.client));
  }

  /** @throws {BrokerError} `not_found` or `not_allowed` */
  async byId(service: Service, id: string): Promise<Grant> {
    const grant = await this.grants.findById(id);
    if (!grant) throw new BrokerError('not_found', 'There is no such grant; it may have been disconnected.');
    demandAllowed(service, grant.userId, grant.client, []);
    return grant;
  }
}
