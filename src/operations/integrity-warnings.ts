import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Counter } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';
import { INTEGRITY_FAILURES } from '../domain/metrics/system-metrics.js';
import { type IntegrityFault, IntegrityReporter } from '../domain/ports/reporters.js';

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
  branding: 'service',
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
  readonly #count: Counter<typeof INTEGRITY_FAILURES.labels>;

  constructor(meter: Meter) {
    super();
    this.#count = meter.counter(INTEGRITY_FAILURES);
  }

  override report({ kind, id, reason }: IntegrityFault): void {
    this.#count.add({ kind });
    const key = `${kind} ${id} ${reason}`;
    if (this.#logged.has(key)) return;
    this.#logged.set(key, true);
    this.#log.error(
      { kind, [ID_FIELDS[kind]]: id, reason },
      'stored data is not as the broker wrote it, and is refused: docs/decisions/0004-sealing.md',
    );
  }
}
