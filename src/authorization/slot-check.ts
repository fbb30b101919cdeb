import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { evictedOfOtherUser, slotsOf } from '../domain/grant/slots.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

/**
 * Checks before a consent that its refresh token evicts none that another user still uses: Google evicts an account's
 * oldest one, without notice, when it issues one more than the limit. Owns `slots_full` and its text.
 * Does not own the rule (domain/grant/slots.ts) nor the ledger (token-store/grants/slot-ledger.repository.ts).
 */
@Injectable()
export class SlotCheck {
  readonly #log = new Logger(SlotCheck.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly ledger: SlotLedgerRepository,
  ) {}

  /**
   * Whether the user must sign in before the consent, because some account other than the checked one has no free slot: the user may
   * choose it, and a consent with an account that is refused afterwards takes a slot all the same.
   */
  async mustIdentify(request: ConnectRequest): Promise<boolean> {
    if (request.force) return false;
    const checked = await this.#knownAccount(request);
    return this.ledger.isAnyAccountFull(request.client, this.settings.slotLimit, this.clock.now(), checked);
  }

  /**
   * @param identified the `sub` of the account that a sign-in has shown, whatever the request names
   * @throws {BrokerError} `slots_full` when this connect would evict a token that another user still uses
   */
  async assertFreeSlot(request: ConnectRequest, identified: string | null = null): Promise<void> {
    const sub = identified ?? (await this.#knownAccount(request));
    if (sub === null) return;
    const live = await this.ledger.liveTokens(sub, request.client, this.clock.now());
    const slots = slotsOf(live, this.settings.slotLimit);
    const token = evictedOfOtherUser(slots, request.userId);
    if (!token) return;
    const evicted = { grant: token.grantId, client: request.client, forced: request.force };
    this.#log.warn(evicted, 'a connect would end the grant of another user');
    if (request.force) return;
    throw new BrokerError(
      'slots_full',
      'This Google account is connected so often that Google would end its oldest connection, which another user ' +
        'still uses. Disconnect one that is not needed, or use another Google account.',
      { slots: { limit: slots.limit, used: slots.used, free: slots.free } },
    );
  }

  /** A hint counts for nothing: the user may choose another account at Google. */
  async #knownAccount({ requireAccount }: ConnectRequest): Promise<string | null> {
    const named = requireAccount?.sub ?? requireAccount?.email;
    return named == null ? null : this.ledger.findAccount(named);
  }
}
