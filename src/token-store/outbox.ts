import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { EventType } from '../domain/event-type.js';
import type { Grant } from '../domain/grant.js';
import { toJson } from './json.js';
import type { Prisma } from './prisma-client/client.js';

/**
 * Puts events for the app beside the change that they tell of, in its transaction: either both happen or neither.
 * Delivery is another matter (webhooks/). Without a webhook nothing is kept.
 */
@Injectable()
export class Outbox {
  constructor(private readonly settings: Settings) {}

  async tell(
    tx: Prisma.TransactionClient,
    type: EventType,
    grant: Grant,
    now: Date,
    more: object = {},
  ): Promise<void> {
    if (this.settings.webhook === null) return;
    await tx.outboxEvent.create({
      data: {
        id: `msg_${randomUUID()}`,
        type,
        payload: toJson({ type, timestamp: now.toISOString(), data: { ...describe(grant), ...more } }),
        createdAt: now,
        nextAttemptAt: now,
      },
    });
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
