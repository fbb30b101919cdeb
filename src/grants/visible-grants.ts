import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { assertAllowed, maySeeGrant, type Service } from '../domain/access/policy.js';
import { noSuchGrant } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { isNearlyFull, type Slots, slotsOf } from '../domain/grant/slots.js';
import type { Page } from '../domain/list-position.js';
import { Clock } from '../domain/ports/clock.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { type GrantPosition, GrantListsRepository } from '../token-store/grants/grant-lists.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

export interface SlotsView extends Slots {
  /** Active refresh tokens of the account across all clients of the broker. */
  readonly usedByAccount: number;
  /** Whether these are nine tenths of ACCOUNT_SLOT_LIMIT. */
  readonly isAccountNearlyFull: boolean;
}

/** The grants that a service may see, by its policy. */
@Injectable()
export class VisibleGrants {
  constructor(
    private readonly settings: Settings,
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly lists: GrantListsRepository,
    private readonly ledger: SlotLedgerRepository,
  ) {}

  /** @throws {BrokerError} `not_allowed` when the policy does not cover this user, whether there are grants or not */
  async listOfUser(
    service: Service,
    userId: string,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const { clients } = service.policy;
    assertAllowed(service, userId, clients[0] ?? '', []);
    return this.lists.ofUser({ userId, clients, after, limit });
  }

  /** The grants that expire before a time unless their users act, soonest first. */
  async listExpiring(
    { policy: { users, clients } }: Service,
    until: Date,
    after: GrantPosition | null,
    limit: number,
  ): Promise<Page<Grant, GrantPosition>> {
    const testingClients = await this.declared.testingClients();
    return this.lists.expiring({
      users,
      clients,
      testingClients,
      until,
      after,
      limit,
      isUnnotified: false,
    });
  }

  /** @throws {BrokerError} `not_found`: also for a grant that the policy does not cover, with the same text and timing */
  async findById(service: Service, id: string): Promise<Grant> {
    const grant = await this.grants.findById(id);
    if (grant && maySeeGrant(service.policy, grant)) return grant;
    throw noSuchGrant();
  }

  /** The refresh-token slots of a grant's account with its client, by the ledger. */
  async slotsOf(grant: Grant): Promise<SlotsView> {
    const { live, usedByAccount } = await this.ledger.ofGrant(grant, this.clock.now());
    const { slotLimit, accountSlotLimit } = this.settings;
    return {
      ...slotsOf(live, slotLimit),
      usedByAccount,
      isAccountNearlyFull: isNearlyFull(usedByAccount, accountSlotLimit),
    };
  }
}
