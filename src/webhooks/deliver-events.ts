import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import {
  type DeliveryOutcome,
  WEBHOOK_DELIVERIES,
  WEBHOOK_DELIVERY_DURATION,
} from '../domain/metrics/grant-metrics.js';
import type { Counter, Histogram } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { signingSecrets } from '../domain/webhook/webhook-secrets.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import {
  OutboxEventsRepository,
  type UndeliveredEvent,
} from '../token-store/outbox/outbox-events.repository.js';
import { takesEvent, WebhookTargetsRepository } from '../token-store/outbox/webhook-targets.repository.js';
import { type StoredWebhook, WebhooksRepository } from '../token-store/outbox/webhooks.repository.js';
import { tracing } from '../tracing/tracing.js';
import { DisableFailing } from './disable-failing.js';
import { FailureStreaks } from './failure-streaks.js';
import { nextAttempt } from './retry-schedule.js';
import { type Delivery, type Receiver, SendEvent } from './send-event.js';

const BATCH = 10;
/** On top of a batch's timeouts. Only a crashed replica keeps its claim until it expires. */
const CLAIM_MARGIN_MS = 20_000;
/** Graceful shutdown: how long to wait for the response to the current request. */
const SHUTDOWN_GRACE_MS = 2000;
/** A webhook that does not open is looked at again after this. */
const UNOPENED_MS = 60_000;

interface FailedDelivery {
  readonly delivery: Exclude<Delivery, { kind: 'accepted' }>;
  /** By performance.now(). */
  readonly startedAt: number;
  readonly now: Date;
}

/**
 * Sends the due events of each webhook one by one, in order of creation. A refusal delays only the event that was refused, an attempt
 * without an answer all of its webhook, and a slow webhook no other: each has a run of its own.
 */
@Injectable()
export class DeliverEvents implements BeforeApplicationShutdown {
  readonly #log = new Logger(DeliverEvents.name);
  readonly #deliveries: Counter<typeof WEBHOOK_DELIVERIES.labels>;
  readonly #durations: Histogram<typeof WEBHOOK_DELIVERY_DURATION.labels>;
  readonly #stop = new AbortController();
  /** By the id of the webhook. */
  readonly #runs = new Map<string, Promise<void>>();
  readonly #streaks = new FailureStreaks();
  #enabled: ReadonlySet<string> = new Set();

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly health: DatabaseHealth,
    private readonly webhooks: WebhooksRepository,
    private readonly targets: WebhookTargetsRepository,
    private readonly events: OutboxEventsRepository,
    private readonly sendEvent: SendEvent,
    private readonly disableFailing: DisableFailing,
    meter: Meter,
  ) {
    this.#deliveries = meter.counter(WEBHOOK_DELIVERIES);
    this.#durations = meter.histogram(WEBHOOK_DELIVERY_DURATION);
  }

  /** Begins to deliver where no run is under way, and ends it for all others. Returns before they end. @param webhookIds the enabled ones */
  start(webhookIds: readonly string[]): void {
    if (this.#stop.signal.aborted) return;
    this.#enabled = new Set(webhookIds);
    this.#streaks.keep(this.#enabled);
    for (const id of webhookIds) {
      const isWaiting = this.#streaks.isPaused(id, this.clock.monotonicMs());
      if (!this.#runs.has(id) && !isWaiting) this.#runs.set(id, this.#run(id));
    }
  }

  /** Of the runs that are under way. */
  async ended(): Promise<void> {
    await Promise.all(this.#runs.values());
  }

  /** Runs before the database is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.ended();
  }

  async #run(id: string): Promise<void> {
    const stop = this.#stop.signal;
    const cancel = new AbortController();
    const onStop = () => {
      setTimeout(() => {
        cancel.abort();
      }, SHUTDOWN_GRACE_MS).unref();
    };
    stop.addEventListener('abort', onStop, { once: true });
    try {
      while (!stop.aborted && (await this.#deliverBatch(id, cancel.signal)));
    } catch (error) {
      if (!this.health.isOutage(error)) this.#log.error({ err: error, webhook: id }, 'webhooks are not sent');
    } finally {
      stop.removeEventListener('abort', onStop);
      this.#runs.delete(id);
    }
  }

  /** @returns whether more may be due */
  async #deliverBatch(id: string, cancel: AbortSignal): Promise<boolean> {
    const now = this.clock.now();
    const until = new Date(now.getTime() + BATCH * this.settings.webhookTimeoutMs + CLAIM_MARGIN_MS);
    const most = this.#streaks.isSilent(id) ? 1 : BATCH;
    const { events, isMore } = await this.events.claim(id, most, now, until);
    if (events.length === 0) return isMore;
    // Read for each batch: what was changed a moment ago holds, whether or not this replica was notified.
    const webhook = await this.webhooks.findNamed(id);
    if (!webhook || webhook.disabledAt) {
      await this.events.abandon(events, webhook ? 'disabled' : 'deleted', now);
      return isMore;
    }
    // Another replica was answered.
    if (webhook.failingSince === null) this.#streaks.end(id);
    const secrets = await this.webhooks.open(webhook);
    if (!secrets) {
      await this.events.release(events, new Date(now.getTime() + UNOPENED_MS));
      return false;
    }
    const receiver = { url: webhook.url, secrets: signingSecrets(secrets, now) };
    const taken = await this.#taken(webhook, events, now);
    return (await this.#deliverAll({ webhook, receiver }, taken, cancel)) && isMore;
  }

  /** Since an event was stored, the webhook's filter may have changed, and a service of it may have been revoked. */
  async #taken(
    webhook: StoredWebhook,
    events: readonly UndeliveredEvent[],
    now: Date,
  ): Promise<readonly UndeliveredEvent[]> {
    const target = await this.targets.read(webhook);
    const isTaken = ({ type, data }: UndeliveredEvent) => takesEvent(target, type, grantOf(data));
    const others = events.filter((event) => !isTaken(event));
    if (others.length > 0) await this.events.abandon(others, 'filtered', now);
    return events.filter(isTaken);
  }

  /** @returns false where the webhook gets nothing more for now */
  async #deliverAll(
    to: { readonly webhook: StoredWebhook; readonly receiver: Receiver },
    batch: readonly UndeliveredEvent[],
    cancel: AbortSignal,
  ): Promise<boolean> {
    let { failingSince } = to.webhook;
    for (const [index, event] of batch.entries()) {
      if (this.#stop.signal.aborted || !this.#enabled.has(to.webhook.id)) {
        await this.events.release(batch.slice(index), this.clock.now());
        return false;
      }
      const startedAt = performance.now();
      const send = () => this.sendEvent.send(to.receiver, event, cancel);
      const delivery = await (tracing()?.resume(event.traceparent, send) ?? send());
      const now = this.clock.now();
      if (delivery.kind === 'accepted') {
        this.#count('delivered', startedAt);
        this.#streaks.end(to.webhook.id);
        await this.events.delivered(event, now);
        if (failingSince !== null) await this.webhooks.noteFailing(to.webhook.id, null);
        failingSince = null;
      } else if (cancel.aborted) {
        await this.events.release([event], now);
      } else {
        await this.#failed(to.webhook, event, { delivery, startedAt, now });
        if (failingSince === null) await this.webhooks.noteFailing(to.webhook.id, now);
        failingSince ??= now;
        const isSilent = delivery.error === 'timeout';
        const inARow = this.#streaks.failed(to.webhook.id, this.clock.monotonicMs(), isSilent);
        const failure = { event, delivery, inARow, now, shutdown: this.#stop.signal };
        if (await this.disableFailing.ifDue(to.webhook, failingSince, failure)) return false;
        if (!isSilent) continue;
        const rest = batch.slice(index + 1);
        if (rest.length > 0) await this.events.release(rest, now);
        return false;
      }
    }
    return true;
  }

  async #failed(
    { name }: StoredWebhook,
    event: UndeliveredEvent,
    { delivery, startedAt, now }: FailedDelivery,
  ): Promise<void> {
    const { id, type, failures } = event;
    const { error } = delivery;
    const next = delivery.kind === 'gone' ? null : nextAttempt(failures + 1, now, Math.random());
    this.#count(next ? 'retried' : 'abandoned', startedAt);
    await this.events.failed(event, error, now, next);
    const fields = { webhook: name, id, type, error };
    if (next) this.#log.warn({ ...fields, next }, 'a webhook was not delivered; it is retried');
    else this.#log.warn(fields, 'a webhook event was abandoned; the app has not received it');
  }

  #count(outcome: DeliveryOutcome, startedAt: number): void {
    this.#deliveries.add({ outcome });
    this.#durations.observe({ outcome }, (performance.now() - startedAt) / 1000);
  }
}

/** Of which grant an event is; one that does not say it is of none that a service may see. */
function grantOf(data: object): { readonly userId: string; readonly client: string } {
  const { user_id: userId, client } = data as Readonly<Record<string, unknown>>;
  const isSaid = typeof userId === 'string' && typeof client === 'string';
  return isSaid ? { userId, client } : { userId: '', client: '' };
}
