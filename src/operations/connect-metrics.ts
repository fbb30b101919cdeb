import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import { causeFacts, type ConnectEnd } from '../domain/connect/connect-end.js';
import { Metrics } from './metrics.js';

const GOOD_ENDS: ReadonlySet<ConnectEnd['outcome']> = new Set(['ok', 'held', 'pending']);

/**
 * Told how each connect ended, so that an operator can see why connects fail.
 *
 * Says in the log and in the metrics how connects end, and why so.
 */
@Injectable()
export class ConnectMetrics {
  readonly #log = new Logger('Connect');
  readonly #count: Counter<'outcome' | 'cause'>;

  constructor(metrics: Metrics) {
    this.#count = new Counter({
      name: 'token_broker_connects_total',
      help: 'How connects ended, and why: docs/connecting.md#why-a-connect-failed.',
      labelNames: ['outcome', 'cause'],
      registers: [metrics.registry],
    });
  }

  ended(end: ConnectEnd): void {
    const { outcome, cause, connectRequest, requestId, isResumed } = end;
    this.#count.inc({ outcome, cause });
    const facts = {
      outcome,
      cause,
      // Within a call, every line has its id.
      ...(isResumed ? { request_id: requestId, resumed: true } : {}),
      ...causeFacts(end),
      ...(connectRequest
        ? { service: connectRequest.serviceId, user: connectRequest.userId, client: connectRequest.client }
        : {}),
    };
    if (GOOD_ENDS.has(outcome)) this.#log.debug(facts, 'connect ended');
    else this.#log.warn(facts, 'connect did not end well');
  }
}
