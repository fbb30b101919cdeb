import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { Metrics } from './metrics.js';

/** Says in the log and in the metrics that an account runs out of slots. */
@Injectable()
export class SlotWarnings extends SlotAlarm {
  readonly #log = new Logger(SlotWarnings.name);
  readonly #count: Counter<'client'>;

  constructor(metrics: Metrics) {
    super();
    this.#count = new Counter({
      name: 'token_broker_slots_nearly_full_total',
      help: 'Connects after which an account held nine tenths or more of its slots for a client.',
      labelNames: ['client'],
      registers: [metrics.registry],
    });
  }

  override nearlyFull(slots: { client: string; grantId: string; used: number; limit: number }): void {
    this.#count.inc({ client: slots.client });
    this.#log.warn(slots, 'the slots are nearly full: Google ends the oldest refresh token at the limit');
  }
}
