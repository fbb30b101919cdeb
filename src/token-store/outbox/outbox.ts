import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Grant } from '../../domain/grant/grant.js';
import { tracing } from '../../tracing/tracing.js';
import type { Prisma } from '../prisma-client/client.js';

/**
 * Stores events for the app in the transaction of the change that caused them: either both happen or neither. Delivery is in
 * webhooks/. Without a webhook nothing is stored.
 */
@Injectable()
export class Outbox {
  constructor(private readonly settings: Settings) {}

  notify(
    tx: Prisma.TransactionClient,
    type: EventType,
    grant: Grant,
    now: Date,
    more: object = {},
  ): Promise<void> {
    return this.notifyAll(tx, type, [grant], now, more);
  }

  /** One event for each grant, in one statement however many there are. */
  async notifyAll(
    tx: Prisma.TransactionClient,
    type: EventType,
    grants: readonly Grant[],
    now: Date,
    more: object = {},
  ): Promise<void> {
    if (this.settings.webhook === null || grants.length === 0) return;
    const timestamp = now.toISOString();
    const traceparent = tracing()?.traceparent() ?? undefined;
    const events = grants.map((grant) => ({
      id: `msg_${randomUUID()}`,
      // The last member is not sent as a part of the event: it leads its delivery into the trace of the change.
      payload: { type, timestamp, data: { ...describe(grant), ...more }, traceparent },
    }));
    // As json, not jsonb: a payload keeps the order of its members.
    await tx.$executeRaw`
      INSERT INTO outbox_events (id, type, payload, created_at, next_attempt_at)
      SELECT id, ${type}, payload, ${timestamp}::timestamptz, ${timestamp}::timestamptz
      FROM json_to_recordset(${JSON.stringify(events)}::json) AS event(id text, payload json)`;
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

/** The events that an app can receive by webhook. */
export type EventType =
  | 'grant.connected'
  | 'grant.imported'
  | 'grant.scopes_changed'
  | 'grant.expiring'
  | 'grant.reconnect_required'
  | 'grant.disconnected'
  | 'slots.nearly_full'
  // Sent by an operator, and never stored.
  | 'webhook.test';
