import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import { IntegrityAlarm, type IntegrityFault } from '../domain/ports/integrity-alarm.js';
import { Metrics } from './metrics.js';

/** A row that is asked for all the time is logged once in so long; the metric counts each time. */
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 1000;

/** What the id in the log names. */
const ROWS: Readonly<Record<IntegrityFault['kind'], string>> = {
  access_token: 'grant',
  credential: 'grant',
  ledger: 'grant',
  rollback: 'grant',
  service: 'service',
  authorization_request: 'ticket',
  pending_consent: 'consent',
  pending_exchange: 'exchange',
  revocation: 'revocation',
};

/** Says in the log and in the metrics that stored data was changed outside the broker. */
@Injectable()
export class IntegrityWarnings extends IntegrityAlarm {
  readonly #log = new Logger('Integrity');
  readonly #logged = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: REPEAT_MS });
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

  override raise({ kind, id, reason }: IntegrityFault): void {
    this.#count.inc({ kind });
    const key = `${kind} ${id} ${reason}`;
    if (this.#logged.has(key)) return;
    this.#logged.set(key, true);
    this.#log.error(
      { kind, [ROWS[kind]]: id, reason },
      'stored data is not as the broker wrote it, and is refused: docs/decisions/0004-sealing.md',
    );
  }
}
