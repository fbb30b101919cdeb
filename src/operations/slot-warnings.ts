import { Injectable, Logger } from '@nestjs/common';
import { ACCOUNT_SLOTS_NEARLY_FULL, SLOTS_NEARLY_FULL } from '../domain/metrics/grant-metrics.js';
import type { Counter } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';
import { SlotReporter } from '../domain/ports/reporters.js';

/** Logs and counts connects after which an account has few refresh-token slots left. */
@Injectable()
export class SlotWarnings extends SlotReporter {
  readonly #log = new Logger(SlotWarnings.name);
  readonly #count: Counter<typeof SLOTS_NEARLY_FULL.labels>;
  readonly #countOfAccounts: Counter<typeof ACCOUNT_SLOTS_NEARLY_FULL.labels>;

  constructor(meter: Meter) {
    super();
    this.#count = meter.counter(SLOTS_NEARLY_FULL);
    this.#countOfAccounts = meter.counter(ACCOUNT_SLOTS_NEARLY_FULL);
  }

  override nearlyFull(slots: { client: string; grantId: string; used: number; limit: number }): void {
    this.#count.add({ client: slots.client });
    this.#log.warn(slots, 'the slots are nearly full: Google evicts the oldest refresh token at the limit');
  }

  override accountNearlyFull(slots: { client: string; grantId: string; used: number; limit: number }): void {
    this.#countOfAccounts.add({ client: slots.client });
    this.#log.warn(
      slots,
      'an account has many refresh tokens across all clients: Google has a limit for these, too, and does not publish it',
    );
  }
}
