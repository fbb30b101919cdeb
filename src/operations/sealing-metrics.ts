import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Counter, Gauge } from 'prom-client';
import { type IntegrityFault, IntegrityReporter } from '../domain/ports/integrity-reporter.js';
import { Sealer } from '../sealing/sealer.js';
import { KeyUsageRepository } from '../token-store/sealed/key-usage.repository.js';
import { Metrics } from './metrics.js';

/** A row that is read all the time is logged once per interval; the metric counts every read. */
const LOG_INTERVAL_MS = 60_000;
const MAX_LOGGED_ROWS = 1000;

/** The log field of the row's id. */
const ID_FIELDS: Readonly<Record<IntegrityFault['kind'], string>> = {
  access_token: 'grant',
  credential: 'grant',
  ledger: 'grant',
  rollback: 'grant',
  service: 'service',
  service_face: 'service',
  delegated_credential: 'credential',
  connect_ticket: 'ticket',
  authorization_request: 'ticket',
  pending_consent: 'consent',
  pending_exchange: 'exchange',
  revocation: 'revocation',
  outbox_event: 'event',
  webhook: 'webhook',
  declared_setting: 'setting',
};

/** Logs and counts stored data that was changed outside the broker. */
@Injectable()
export class IntegrityWarnings extends IntegrityReporter {
  readonly #log = new Logger('Integrity');
  readonly #logged = new LRUCache<string, true>({ max: MAX_LOGGED_ROWS, ttl: LOG_INTERVAL_MS });
  readonly #count: Counter<'kind'>;

  constructor(metrics: Metrics) {
    super();
    this.#count = new Counter({
      name: 'token_broker_integrity_failures_total',
      help: 'Stored values and rows that were refused because they are not as the broker wrote them, by kind.',
      labelNames: ['kind'],
      registers: [metrics.registry],
    });
  }

  override report({ kind, id, reason }: IntegrityFault): void {
    this.#count.inc({ kind });
    const key = `${kind} ${id} ${reason}`;
    if (this.#logged.has(key)) return;
    this.#logged.set(key, true);
    this.#log.error(
      { kind, [ID_FIELDS[kind]]: id, reason },
      'stored data is not as the broker wrote it, and is refused: docs/decisions/0004-sealing.md',
    );
  }
}

/** How often each sealing key was used, read when Prometheus scrapes. */
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
