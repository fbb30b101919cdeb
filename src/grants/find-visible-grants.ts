import { Injectable } from '@nestjs/common';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import type { Page } from '../domain/page.js';
import { demandAllowed, maySeeGrant, type Service } from '../domain/policy.js';
import { GrantStore, type GrantPosition } from '../domain/ports/grant-store.js';

/** The grants that a service may know of. */
@Injectable()
export class FindVisibleGrants {
  constructor(private readonly grants: GrantStore) {}

  /** @throws {BrokerError} `not_allowed` when the policy does not cover this user, whether there are grants or not */
  async ofUser(
    service: Service,
    userId: string,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const { clients } = service.policy;
    demandAllowed(service, userId, clients[0] ?? '', []);
    return this.grants.listOfUser({ userId, clients, after, limit });
  }

  /** @throws {BrokerError} `not_found`: also for a grant that the policy does not cover, in the same words and time */
  async byId(service: Service, id: string): Promise<Grant> {
    const grant = await this.grants.findById(id);
    if (grant && maySeeGrant(service.policy, grant)) return grant;
    throw new BrokerError('not_found', 'There is no such grant; it may have been disconnected.');
  }
}
