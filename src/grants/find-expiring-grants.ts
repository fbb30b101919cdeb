import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { Grant } from '../domain/grant.js';
import type { Page } from '../domain/page.js';
import type { Service } from '../domain/policy.js';
import { GrantStore, type GrantPosition } from '../domain/ports/grant-store.js';

@Injectable()
export class FindExpiringGrants {
  constructor(
    private readonly settings: Settings,
    private readonly grants: GrantStore,
  ) {}

  /** Of the grants a service may see, those that die until a time if nobody does anything, soonest first. */
  until(
    until: Date,
    { policy: { users, clients } }: Service,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const { testingClients } = this.settings;
    return this.grants.listExpiring({ users, clients, testingClients, until, after, limit, isUntold: false });
  }
}
