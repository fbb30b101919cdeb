import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { Clock } from '../domain/ports/clock.js';
import type { Webhook } from '../domain/webhook/webhook.js';
import { signingSecrets } from '../domain/webhook/webhook-secrets.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import {
  type EventFilter,
  OutboxListsRepository,
  type ReplayOutcome,
} from '../token-store/outbox/outbox-lists.repository.js';
import { WebhooksRepository } from '../token-store/outbox/webhooks.repository.js';
import { type Delivery, type Receiver, SendEvent } from './send-event.js';

/** Who acts: `operator`, or a person of the console. */
type ActorName = string;

export interface TestDelivery {
  readonly id: string;
  readonly webhook: Webhook;
  readonly delivery: Delivery;
  readonly ms: number;
}

/**
 * What an operator does with webhooks: sends events again, and a test event to one of them. Both are audited.
 * Does not own the delivery of what is due again: deliver-events.ts, on any replica.
 */
@Injectable()
export class ReplayWebhooks {
  constructor(
    private readonly clock: Clock,
    private readonly outbox: OutboxListsRepository,
    private readonly webhooks: WebhooksRepository,
    private readonly sendEvent: SendEvent,
    private readonly audit: AuditLog,
  ) {}

  /** Only what is due then is audited. */
  async replay(id: string, actor: ActorName): Promise<ReplayOutcome> {
    const outcome = await this.outbox.replay(id, this.clock.now());
    if (outcome === 'due') await this.#record('webhook.replay', 'ok', actor, { event: id });
    return outcome;
  }

  /** @returns how many events are sent again: none of a webhook that is disabled or deleted */
  async replayAll(filter: EventFilter, actor: ActorName): Promise<number> {
    const { state, webhookId, type, since, until } = filter;
    const record = (events: number) =>
      this.#record('webhook.replay', 'ok', actor, {
        events,
        state,
        webhook: webhookId,
        type,
        since: since?.toISOString() ?? null,
        until: until?.toISOString() ?? null,
      });
    let all = 0;
    // Many take a while, and a process may end meanwhile: a part that is due is recorded at once.
    await this.outbox.replayAll(filter, this.clock.now(), async (events) => {
      all += events;
      await record(events);
    });
    if (all === 0) await record(0);
    return all;
  }

  /**
   * Sends one event now, past the outbox, and says what the receiver answered. It is not retried. A disabled webhook gets it, too.
   * @param idOrName null: the only one there is
   * @returns null where there is no such webhook, or there are several and none is named
   */
  async test(idOrName: string | null, actor: ActorName): Promise<TestDelivery | null> {
    const all = idOrName === null ? await this.webhooks.list() : [];
    const only = all.length === 1 ? all[0] : null;
    const webhook = idOrName === null ? only : await this.webhooks.findNamed(idOrName);
    if (!webhook) return null;
    const id = `msg_test_${randomUUID()}`;
    const secrets = await this.webhooks.open(webhook);
    const startedAt = performance.now();
    const delivery = secrets
      ? await this.#sendTest(id, {
          url: webhook.url,
          secrets: signingSecrets(secrets, this.clock.now()),
        })
      : ({ kind: 'failed', error: 'not_verified' } as const);
    const ms = Math.round(performance.now() - startedAt);
    const outcome = delivery.kind === 'accepted' ? 'ok' : delivery.error;
    await this.#record('webhook.test', outcome, actor, { event: id, webhook: webhook.name });
    return { id, webhook, delivery, ms };
  }

  /** The receiver may be of another company: who the person is, only the audit trail says. */
  #sendTest(id: string, receiver: Receiver): Promise<Delivery> {
    const timestamp = this.clock.now().toISOString();
    const event = { id, type: 'webhook.test', timestamp, data: { sent_by: 'operator' } } as const;
    return this.sendEvent.send(receiver, event, new AbortController().signal);
  }

  async #record(
    action: AuditAction,
    outcome: string,
    actor: ActorName,
    details: Readonly<Record<string, AuditDetail>>,
  ): Promise<void> {
    this.audit.record({ at: this.clock.now(), action, outcome, actor, details });
    await this.audit.flushCommitted([null]);
  }
}
