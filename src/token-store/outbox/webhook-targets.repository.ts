import { Injectable } from '@nestjs/common';
import { maySeeGrant, type Policy } from '../../domain/access/policy.js';
import type { Grant } from '../../domain/grant/grant.js';
import { type EventType, takesType } from '../../domain/webhook/webhook.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeCache } from '../change-feed/change-cache.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import type { Prisma } from '../prisma-client/client.js';
import { fromRow } from '../services/service-row.js';
import { isSigned } from '../services/service-mac.js';
import { type StoredWebhook, WebhooksRepository } from './webhooks.repository.js';

/** A webhook with the policies of the services that it is for; null: it is for all grants. */
export interface WebhookTarget {
  readonly webhook: StoredWebhook;
  readonly policies: readonly Policy[] | null;
}

/**
 * Which webhooks an event is for. All webhooks are in memory, read again after each change of one or of a service and when the
 * cache is older than the settings allow: while there are none, a change of a grant costs no query more.
 */
@Injectable()
export class WebhookTargetsRepository {
  readonly #cache: ChangeCache<readonly WebhookTarget[]>;

  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly sealer: Sealer,
    feed: ChangeFeed,
  ) {
    this.#cache = new ChangeCache(feed, ['webhooks', 'services'], (client) => this.#read(client));
  }

  /** @param client the transaction that asks: another connection could wait for the same pool */
  all(client: Prisma.TransactionClient = this.database): Promise<readonly WebhookTarget[]> {
    return this.#cache.get(client);
  }

  /** As its services are stored now, whatever this replica was notified of. */
  async read(webhook: StoredWebhook): Promise<WebhookTarget> {
    const [target] = await this.#withPolicies([webhook], this.database);
    return target ?? { webhook, policies: [] };
  }

  async #read(client: Prisma.TransactionClient): Promise<WebhookTarget[]> {
    return this.#withPolicies(await this.webhooks.list(client), client);
  }

  async #withPolicies(
    webhooks: readonly StoredWebhook[],
    client: Prisma.TransactionClient,
  ): Promise<WebhookTarget[]> {
    const ids = [...new Set(webhooks.flatMap(({ services }) => services))];
    const rows = ids.length === 0 ? [] : await client.service.findMany({ where: { id: { in: ids } } });
    // A row that the broker did not write, or that was revoked, sees no grant.
    const active = rows.filter((row) => row.revokedAt === null && isSigned(this.sealer, row)).map(fromRow);
    return webhooks.map((webhook) => ({
      webhook,
      policies:
        webhook.services.length === 0
          ? null
          : active.filter(({ id }) => webhook.services.includes(id)).map(({ policy }) => policy),
    }));
  }
}

/** Whether a webhook gets this event of this grant. */
export function takesEvent(
  { webhook, policies }: WebhookTarget,
  type: EventType,
  grant: Pick<Grant, 'userId' | 'client'>,
): boolean {
  if (!takesType(webhook, type)) return false;
  return policies === null || policies.some((policy) => maySeeGrant(policy, grant));
}
