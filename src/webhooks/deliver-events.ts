import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { WEBHOOK_DELIVERIES, WEBHOOK_DELIVERY_DURATION } from '../domain/metrics/grant-metrics.js';
import type { Counter, Histogram } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import {
  OutboxEventsRepository,
  type UndeliveredEvent,
} from '../token-store/outbox/outbox-events.repository.js';
import { tracing } from '../tracing/tracing.js';
import { nextAttempt } from './retry-schedule.js';
import { SendEvent } from './send-event.js';

const BATCH = 10;
/** On top of a batch's timeouts. Only a crashed replica keeps its claim until it expires. */
const CLAIM_MARGIN_MS = 20_000;
/** Graceful shutdown: how long to wait for the response to the current request. */
const SHUTDOWN_GRACE_MS = 2000;

/** Sends due events one by one, in order of creation. A failure delays only the event that failed. */
@Injectable()
export class DeliverEvents {
  readonly #log = new Logger(DeliverEvents.name);
  readonly #deliveries: Counter<typeof WEBHOOK_DELIVERIES.labels>;
  readonly #durations: Histogram<typeof WEBHOOK_DELIVERY_DURATION.labels>;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly events: OutboxEventsRepository,
    private readonly sendEvent: SendEvent,
    meter: Meter,
  ) {
    this.#deliveries = meter.counter(WEBHOOK_DELIVERIES);
    this.#durations = meter.histogram(WEBHOOK_DELIVERY_DURATION);
  }

  async deliver(shutdown: AbortSignal): Promise<void> {
    const cancel = new AbortController();
    const onStop = () => {
      setTimeout(() => {
        cancel.abort();
      }, SHUTDOWN_GRACE_MS).unref();
    };
    shutdown.addEventListener('abort', onStop, { once: true });
    try {
      await this.#deliverDue(shutdown, cancel.signal);
    } finally {
      shutdown.removeEventListener('abort', onStop);
    }
  }

  async #deliverDue(shutdown: AbortSignal, cancel: AbortSignal): Promise<void> {
    const claimMs = BATCH * (this.settings.webhook?.timeoutMs ?? 0) + CLAIM_MARGIN_MS;
    let isMore = true;
    while (isMore && !shutdown.aborted) {
      const now = this.clock.now();
      const batch = await this.events.claim(BATCH, now, new Date(now.getTime() + claimMs));
      await this.#deliverAll(batch.events, shutdown, cancel);
      isMore = batch.isMore;
    }
  }

  async #deliverAll(
    batch: readonly UndeliveredEvent[],
    shutdown: AbortSignal,
    cancel: AbortSignal,
  ): Promise<void> {
    for (const [index, event] of batch.entries()) {
      if (shutdown.aborted) {
        const unsent = batch.slice(index).map(({ id }) => id);
        await this.events.release(unsent, this.clock.now());
        return;
      }
      await this.#deliverOne(event, cancel);
    }
  }

  async #deliverOne(event: UndeliveredEvent, cancel: AbortSignal): Promise<void> {
    const { id, type, failures, traceparent } = event;
    const startedAt = performance.now();
    const send = () => this.sendEvent.send(event, cancel);
    const delivery = await (tracing()?.resume(traceparent, send) ?? send());
    const now = this.clock.now();
    if (delivery.kind === 'accepted') {
      this.#count('delivered', startedAt);
      await this.events.delivered(id, now);
      return;
    }
    if (cancel.aborted) {
      await this.events.release([id], now);
      return;
    }
    const { error } = delivery;
    const next = delivery.kind === 'gone' ? null : nextAttempt(failures + 1, now, Math.random());
    this.#count(next ? 'retried' : 'given_up', startedAt);
    await this.events.failed(id, error, now, next);
    if (next) this.#log.warn({ id, type, error, next }, 'a webhook was not delivered; it is retried');
    else this.#log.warn({ id, type, error }, 'a webhook was given up; the app has not received this event');
  }

  #count(outcome: 'delivered' | 'retried' | 'given_up', startedAt: number): void {
    this.#deliveries.add({ outcome });
    this.#durations.observe({ outcome }, (performance.now() - startedAt) / 1000);
  }
}
