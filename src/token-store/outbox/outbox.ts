import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { EventType } from '../../domain/webhook/webhook.js';
import { tracing } from '../../tracing/tracing.js';
import { Prisma } from '../prisma-client/client.js';
import { takesEvent, WebhookTargetsRepository } from './webhook-targets.repository.js';

/** In one statement. As VALUES, since what is inserted from a SELECT is a commit of two phases where the tables are distributed. */
const ROWS = 1000;

/**
 * Stores events in the transaction of the change that caused them, one for each webhook that takes it: either all happens or
 * nothing. Delivery is in webhooks/. Without a webhook nothing is stored; for a disabled one an event is kept as abandoned, so
 * that it can be replayed.
 */
@Injectable()
export class Outbox {
  constructor(private readonly targets: WebhookTargetsRepository) {}

  notify(
    tx: Prisma.TransactionClient,
    type: EventType,
    grant: Grant,
    now: Date,
    more: object = {},
  ): Promise<void> {
    return this.notifyAll(tx, type, [grant], now, more);
  }

  /** One event for each grant and webhook. */
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
    for (let start = 0; start < events.length; start += ROWS) {
      const rows = events.slice(start, start + ROWS).map(({ id, user, webhook, disabled, payload }) => {
        const [abandonedAt, lastError] = disabled ? [now, 'disabled'] : [null, null];
        // As json, not jsonb: a payload keeps the order of its members.
        return Prisma.sql`(${user}, ${id}, ${type}, ${webhook}, ${JSON.stringify(payload)}::json, ${timestamp}::timestamptz,
          ${timestamp}::timestamptz, ${abandonedAt}::timestamptz, ${lastError}::text)`;
      });
      await tx.$executeRaw`
        INSERT INTO outbox_events (user_id, id, type, webhook_id, payload, created_at, next_attempt_at, abandoned_at, last_error)
        VALUES ${Prisma.join(rows)}`;
    }
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
