import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import { ActivityCounts, type ActivityKind } from '../domain/activity.js';
import { causeFacts, type ConnectEnd } from '../domain/connect/connect-end.js';
import { SlotReporter } from '../domain/ports/slot-reporter.js';
import { Metrics } from './metrics.js';

const SUCCESSES: ReadonlySet<ConnectEnd['outcome']> = new Set(['ok', 'held', 'pending']);
/** Nothing went wrong: most links that expire were never opened. */
const QUIET: ReadonlySet<ConnectEnd['outcome']> = new Set(['expired', 'cancelled']);

/** For the charts of the console. What is pending or finishing ends later, by another call. */
const ACTIVITY: Partial<Record<ConnectEnd['outcome'], ActivityKind>> = {
  ok: 'connects.finished',
  held: 'connects.finished',
  partial: 'connects.partial',
  denied: 'connects.denied',
  failed: 'connects.failed',
  refused: 'connects.failed',
};

/** Logs and counts how connects end, and why. */
@Injectable()
export class ConnectMetrics {
  readonly #log = new Logger('Connect');
  readonly #count: Counter<'outcome' | 'cause'>;

  constructor(
    metrics: Metrics,
    private readonly activity: ActivityCounts,
  ) {
    this.#count = new Counter({
      name: 'token_broker_connects_total',
      help: 'How connects ended, and why: docs/connecting.md#why-a-connect-failed.',
      labelNames: ['outcome', 'cause'],
      registers: [metrics.registry],
    });
  }

  /** A browser is sent to Google. */
  started(): void {
    this.activity.add('connects.started');
  }

  ended(end: ConnectEnd): void {
    const { outcome, cause, connectRequest, requestId, isResumed } = end;
    this.#count.inc({ outcome, cause });
    const kind = ACTIVITY[outcome];
    if (kind) this.activity.add(kind);
    const facts = {
      outcome,
      cause,
      // Within a call, the logger adds the id to every line.
      ...(isResumed ? { request_id: requestId, resumed: true } : {}),
      ...causeFacts(end),
      ...(connectRequest
        ? { service: connectRequest.serviceId, user: connectRequest.userId, client: connectRequest.client }
        : {}),
    };
    if (SUCCESSES.has(outcome)) this.#log.debug(facts, 'connect ended');
    else if (QUIET.has(outcome)) this.#log.log(facts, 'connect ended');
    else this.#log.warn(facts, 'connect did not end well');
  }
}

/** Logs and counts connects after which an account has few refresh-token slots left. */
@Injectable()
export class SlotWarnings extends SlotReporter {
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
    this.#log.warn(slots, 'the slots are nearly full: Google evicts the oldest refresh token at the limit');
  }
}
