import { Injectable } from '@nestjs/common';
import { Meter } from '../domain/metrics/meter.js';
import { KEY_CREATED, KEY_SEALS, SEALS } from '../domain/metrics/system-metrics.js';
import { Sealer } from '../sealing/sealer.js';
import { KeyUsageRepository } from '../token-store/sealed/key-usage.repository.js';

/** How often each sealing key was used and when it was made, read when Prometheus scrapes. */
@Injectable()
export class SealMetrics {
  constructor(meter: Meter, sealer: Sealer, usage: KeyUsageRepository) {
    const byKey = (seals: ReadonlyMap<string, number>) =>
      [...seals].map(([key, count]) => [{ key }, count] as const);
    meter.counter(SEALS).observeAll(() => byKey(sealer.seals));
    meter.gauge(KEY_SEALS).observeAll(() => byKey(usage.totals));
    meter.gauge(KEY_CREATED).observeAll(() =>
      sealer.keyIds.flatMap((key, at) => {
        const createdAt = createdOn(key);
        return createdAt === null ? [] : [[{ key, use: at === 0 ? 'seal' : 'open' }, createdAt] as const];
      }),
    );
  }
}

/** `token-broker keys generate` begins an id with the date. @returns seconds since 1970 */
function createdOn(keyId: string): number | null {
  const [date] = /^\d{4}-\d{2}-\d{2}(?=-)/.exec(keyId) ?? [];
  const ms = date === undefined ? NaN : Date.parse(date);
  return Number.isNaN(ms) ? null : ms / 1000;
}
