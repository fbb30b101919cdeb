import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { assertAllowed, maySeeGrant, type Service } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import type { Page } from '../domain/page.js';
import type { GrantPosition } from '../token-store/grants/grant-lists.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

/** The grants that a service may know of. */
@Injectable()
export class FindVisibleGrants {
  constructor(private readonly grants: GrantsRepository) {}

  /** @throws {BrokerError} `not_allowed` when the policy does not cover this user, whether there are grants or not */
  async ofUser(
    service: Service,
    userId: string,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const { clients } = service.policy;
    assertAllowed(service, userId, clients[0] ?? '', []);
    return this.grants.listOfUser({ userId, clients, after, limit });
  }

  /** @throws {BrokerError} `not_found`: also for a grant that the policy does not cover, in the same words and time */
  async byId(service: Service, id: string): Promise<Grant> {
    const grant = await this.grants.findById(id);
    if (grant && maySeeGrant(service.policy, grant)) return grant;
    throw new BrokerError('not_found', 'There is no such grant; it may have been disconnected.');
  }
}

@Injectable()
export class FindExpiringGrants {
  constructor(
    private readonly settings: Settings,
    private readonly grants: GrantsRepository,
  ) {}

  /** Of the grants a service may see, those that die until a time if nobody does anything, soonest first. */
  until(
    until: Date,
    { policy: { users, clients } }: Service,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const { testingClients } = this.settings;
    return this.grants.listExpiring({
      users,
      clients,
      testingClients,
      until,
      after,
      limit,
      isUnnotified: false,
    });
  }
}
