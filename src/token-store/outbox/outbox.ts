import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { Prisma } from '../prisma-client/client.js';

/**
 * Puts events for the app beside the change that they tell of, in its transaction: either both happen or neither.
 * Delivery is another matter (webhooks/). Without a webhook nothing is kept.
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
    const events = grants.map((grant) => ({
      id: `msg_${randomUUID()}`,
      payload: { type, timestamp, data: { ...describe(grant), ...more } },
    }));
    // As json, not jsonb: a payload is kept as it was written, member by member.
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

/** What an app can be told by webhook. */
export type EventType =
  | 'grant.connected'
  | 'grant.scopes_changed'
  | 'grant.expiring'
  | 'grant.reconnect_required'
  | 'grant.disconnected'
  | 'slots.nearly_full';
