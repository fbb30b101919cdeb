import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { Grant } from '../domain/grant/grant.js';
import { type Slots, slotsOf } from '../domain/grant/slots.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

export interface SlotsView extends Slots {
  /** Live refresh tokens of the account across all our clients. */
  readonly usedByAccount: number;
}

@Injectable()
export class InspectSlots {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly ledger: SlotLedgerRepository,
  ) {}

  /** How a grant's account stands with its client, by the ledger. */
  async of({ account, client }: Grant): Promise<SlotsView> {
    const now = this.clock.now();
    const [live, usedByAccount] = await Promise.all([
      this.ledger.liveTokens(account.sub, client, now),
      this.ledger.liveOfAccount(account.sub, now),
    ]);
    return { ...slotsOf(live, this.settings.slotLimit), usedByAccount };
  }
}
