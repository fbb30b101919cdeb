import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { BrokerError } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { slotsOf, wouldHarmAnother } from '../domain/slots.js';

/** Looks before a leap: one more refresh token may silently kill the oldest of its account. */
@Injectable()
export class CheckSlots {
  readonly #log = new Logger(CheckSlots.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly ledger: SlotLedger,
  ) {}

  /** Whether the account must be known before its user may be asked for consent. */
  async mustIdentify(wish: ConnectWish): Promise<boolean> {
    if (wish.force || (await this.#knownAccount(wish)) !== null) return false;
    return this.ledger.isAnyAccountFull(wish.client, this.settings.slotLimit, this.clock.now());
  }

  /** @throws {BrokerError} `slots_full` when this connect would kill what another user still uses */
  async demandRoom(wish: ConnectWish, account = wish.accountHint): Promise<void> {
    const sub = await this.#knownAccount({ ...wish, accountHint: account });
    if (sub === null) return;
    const live = await this.ledger.liveTokens(sub, wish.client, this.clock.now());
    const slots = slotsOf(live, this.settings.slotLimit);
    if (!wouldHarmAnother(slots, wish.userId)) return;
    const victim = { grant: slots.victim?.grantId, client: wish.client, forced: wish.force };
    this.#log.warn(victim, 'a connect would end the grant of another user');
    if (wish.force) return;
    throw new BrokerError(
      'slots_full',
      'This Google account is connected so often that Google would end its oldest connection, which another user ' +
        'still uses. Disconnect one that is not needed, use another Google account, or let the app ask with force.',
      { slots: { limit: slots.limit, used: slots.used, free: slots.free } },
    );
  }

  async #knownAccount({ accountHint, requireAccount }: ConnectWish): Promise<string | null> {
    const named = requireAccount?.sub ?? requireAccount?.email ?? accountHint;
    return named == null ? null : this.ledger.findAccount(named);
  }
}
