import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { EventType } from '../../domain/webhook/webhook.js';
import { tracing } from '../../tracing/tracing.js';
import type { Prisma } from '../prisma-client/client.js';
import { takesEvent, WebhookTargets } from './webhook-targets.repository.js';

/**
 * Stores events in the transaction of the change that caused them, one for each webhook that takes it: either all happens or
 * nothing. Delivery is in webhooks/. Without a webhook nothing is stored; for a disabled one an event is kept as abandoned, so
 * that it can be replayed.
 */
@Injectable()
export class Outbox {
  constructor(private readonly targets: WebhookTargets) {}

  notify(
    tx: Prisma.TransactionClient,
    type: EventType,
    grant: Grant,
    now: Date,
    more: object = {},
  ): Promise<void> {
    return this.notifyAll(tx, type, [grant], now, more);
  }

  /** One event for each grant and webhook, in one statement however many there are. */
  async notifyAll(
    tx: Prisma.TransactionClient,
    type: EventType,
    grants: readonly Grant[],
    now: Date,
    more: object = {},
  ): Promise<void> {
    if (grants.length === 0) return;
    const targets = await this.targets.all(tx);
    const timestamp = now.toISOString();
    const traceparent = tracing()?.traceparent() ?? undefined;
    const events = grants.flatMap((grant) =>
      targets
        .filter((target) => takesEvent(target, type, grant))
        .map(({ webhook }) => ({
          id: `msg_${randomUUID()}`,
          user: grant.userId,
          webhook: webhook.id,
          disabled: webhook.disabledAt !== null,
          // The last member is not sent as a part of the event: it leads its delivery into the trace of the change.
          payload: { type, timestamp, data: { ...describe(grant), ...more }, traceparent },
        })),
    );
    if (events.length === 0) return;
    // As json, not jsonb: a payload keeps the order of its members.
    await tx.$executeRaw`
      INSERT INTO outbox_events (user_id, id, type, webhook_id, payload, created_at, next_attempt_at, abandoned_at, last_error)
      SELECT "user", id, ${type}, webhook, payload, ${timestamp}::timestamptz, ${timestamp}::timestamptz,
        CASE WHEN disabled THEN ${timestamp}::timestamptz END, CASE WHEN disabled THEN 'disabled' END
      FROM json_to_recordset(${JSON.stringify(events)}::json)
        AS event("user" text, id text, webhook text, disabled boolean, payload json)`;
  }
}

function describe(grant: Grant) {
  return {
    grant_id: grant.id,
    user_id: grant.userId,
    client: grant.client,
    account: { sub: grant.account.sub, email: grant.account.email },
    status: grant.status,
    scope: grant.grantedScopes.join(' '),
    ...(grant.diagnosis ?? {}),
  };
}
