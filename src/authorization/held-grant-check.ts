import { Injectable } from '@nestjs/common';
import { TokenRefresher } from '../access-tokens/token-refresher.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { findHeldGrant } from '../domain/connect/held-grant.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

/** Grants that are asked about, or change meanwhile, before the user goes to Google all the same. */
const MAX_ATTEMPTS = 3;

/**
 * Whether a user need not visit Google, because a grant covers the whole request already. A user can take the access away in the
 * Google Account, of which the broker is not notified: one refresh shows whether Google still accepts the grant, and ends it
 * if not.
 * Does not own which grant covers a request (domain/connect/held-grant.ts) nor the refresh (access-tokens/).
 */
@Injectable()
export class HeldGrantCheck {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly refresher: TokenRefresher,
  ) {}

  /** @returns the grant that covers the request. Where Google cannot be asked, the grant counts as it is stored: an outage ends none. */
  async find(connectRequest: ConnectRequest, requestId: string): Promise<Grant | null> {
    const { userId, client, serviceId } = connectRequest;
    const caller = { service: { id: serviceId }, requestId };
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const grants = await this.grants.findVerified(userId, client, this.clock.now());
      const held = findHeldGrant(grants, connectRequest);
      if (!held) return null;
      const { kind } = await this.refresher.refresh(held, held.grantedScopes, caller);
      if (kind !== 'dead' && kind !== 'changed') return held;
    }
    return null;
  }
}
