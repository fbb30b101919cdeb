import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Sealer } from '../sealing/sealer.js';
import { KeyUsageRepository } from '../token-store/sealed/key-usage.repository.js';
import { Metrics } from './metrics.js';

/** What sealing keys were used for, read when somebody asks. */
@Injectable()
export class SealMetrics {
  constructor({ registry }: Metrics, sealer: Sealer, usage: KeyUsageRepository) {
    new Counter({
      name: 'token_broker_seals_total',
      help: 'Values that this process sealed, by key id.',
      labelNames: ['key'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [key, seals] of sealer.seals) this.inc({ key }, seals);
      },
    });
    new Gauge({
      name: 'token_broker_key_seals',
      help: 'Values that all replicas sealed with a key since it was made, counted ahead. A key is good for 2^32.',
      labelNames: ['key'],
      registers: [registry],
      collect() {
        for (const [key, seals] of usage.totals) this.set({ key }, seals);
      },
    });
  }
}
