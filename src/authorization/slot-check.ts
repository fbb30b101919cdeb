import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { slotsOf, wouldHarmAnother } from '../domain/grant/slots.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

/** Looks before a leap: one more refresh token may silently kill the oldest of its account. */
@Injectable()
export class SlotCheck {
  readonly #log = new Logger(SlotCheck.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly ledger: SlotLedgerRepository,
  ) {}

  /** Whether the account must be known before its user may be asked for consent. */
  async mustIdentify(connectRequest: ConnectRequest): Promise<boolean> {
    if (connectRequest.force || (await this.#knownAccount(connectRequest)) !== null) return false;
    return this.ledger.isAnyAccountFull(connectRequest.client, this.settings.slotLimit, this.clock.now());
  }

  /** @throws {BrokerError} `slots_full` when this connect would kill what another user still uses */
  async assertRoom(connectRequest: ConnectRequest, account = connectRequest.accountHint): Promise<void> {
    const sub = await this.#knownAccount({ ...connectRequest, accountHint: account });
    if (sub === null) return;
    const live = await this.ledger.liveTokens(sub, connectRequest.client, this.clock.now());
    const slots = slotsOf(live, this.settings.slotLimit);
    if (!wouldHarmAnother(slots, connectRequest.userId)) return;
    const evicted = {
      grant: slots.evicted?.grantId,
      client: connectRequest.client,
      forced: connectRequest.force,
    };
    this.#log.warn(evicted, 'a connect would end the grant of another user');
    if (connectRequest.force) return;
    throw new BrokerError(
      'slots_full',
      'This Google account is connected so often that Google would end its oldest connection, which another user ' +
        'still uses. Disconnect one that is not needed, use another Google account, or let the app ask with force.',
      { slots: { limit: slots.limit, used: slots.used, free: slots.free } },
    );
  }

  async #knownAccount({ accountHint, requireAccount }: ConnectRequest): Promise<string | null> {
    const named = requireAccount?.sub ?? requireAccount?.email ?? accountHint;
    return named == null ? null : this.ledger.findAccount(named);
  }
}
