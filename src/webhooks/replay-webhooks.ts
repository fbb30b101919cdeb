import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { OutboxListsRepository, type WebhookFilter } from '../token-store/outbox/outbox-lists.repository.js';
import { type Delivery, SendEvent } from './send-event.js';

/** Who acts: `operator`, or a person of the console. */
type Actor = string;

export interface TestDelivery {
  readonly id: string;
  readonly delivery: Delivery;
  readonly ms: number;
}

/**
 * What an operator does with webhooks: sends events again, and a test event to the configured receiver. Both are audited.
 * Does not own the delivery of what is due again: deliver-events.ts, on any replica.
 */
@Injectable()
export class ReplayWebhooks {
  constructor(
    private readonly clock: Clock,
    private readonly outbox: OutboxListsRepository,
    private readonly sendEvent: SendEvent,
    private readonly audit: AuditLog,
  ) {}

  /** @returns false where there is no such event */
  async replay(id: string, actor: Actor): Promise<boolean> {
    const isFound = (await this.outbox.replay(id, this.clock.now())) > 0;
    if (isFound) await this.#record('webhook.replay', 'ok', actor, { event: id });
    return isFound;
  }

  /** @returns how many events are sent again */
  async replayAll(filter: WebhookFilter, actor: Actor): Promise<number> {
    const events = await this.outbox.replayAll(filter, this.clock.now());
    const { state, type, since, until } = filter;
    await this.#record('webhook.replay', 'ok', actor, {
      events,
      state,
      type,
      since: since?.toISOString() ?? null,
      until: until?.toISOString() ?? null,
    });
    return events;
  }

  /** Sends one event now, past the outbox, and says what the receiver answered. It is not retried. */
  async test(actor: Actor): Promise<TestDelivery> {
    const id = `msg_test_${randomUUID()}`;
    const timestamp = this.clock.now().toISOString();
    const startedAt = performance.now();
    const event = { id, type: 'webhook.test', timestamp, data: { sent_by: actor }, failures: 0 } as const;
    const delivery = await this.sendEvent.send(event, new AbortController().signal);
    const ms = Math.round(performance.now() - startedAt);
    const outcome = delivery.kind === 'accepted' ? 'ok' : delivery.error;
    await this.#record('webhook.test', outcome, actor, { event: id });
    return { id, delivery, ms };
  }

  async #record(
    action: AuditAction,
    outcome: string,
    actor: Actor,
    details: Readonly<Record<string, AuditDetail>>,
  ): Promise<void> {
    this.audit.record({ at: this.clock.now(), action, outcome, actor, details });
    await this.audit.flush();
  }
}
