import { Injectable, Logger } from '@nestjs/common';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { Secret } from '../../domain/secret.js';
import type { DisabledReason, Webhook } from '../../domain/webhook/webhook.js';
import type { WebhookSecrets } from '../../domain/webhook/webhook-secrets.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import type { Prisma, Webhook as Row } from '../prisma-client/client.js';
import { webhookAad } from '../sealed/aad.js';
import { abandonWaiting } from './outbox-events.repository.js';

export interface StoredWebhook extends Webhook {
  /** The first attempt of which it has accepted nothing since. */
  readonly failingSince: Date | null;
  /** Which state of the row this is: each change seals again. */
  readonly sealedSecrets: string;
}

/**
 * Webhooks, found by id or name. The secrets are sealed over every column that decides who gets which events: a row that was
 * inserted or changed outside the broker does not open, gets nothing, and raises an alarm.
 */
@Injectable()
export class WebhooksRepository {
  readonly #log = new Logger(WebhooksRepository.name);

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
    private readonly changes: ChangeFeed,
  ) {}

  /** By name. */
  async list(client: Prisma.TransactionClient = this.database): Promise<StoredWebhook[]> {
    const rows = await client.webhook.findMany({ orderBy: { name: 'asc' } });
    return rows.map(fromRow);
  }

  async findNamed(idOrName: string): Promise<StoredWebhook | null> {
    const rows = await this.database.webhook.findMany({
      where: { OR: [{ id: idOrName }, { name: idOrName }] },
    });
    const meant = rows.find(({ id }) => id === idOrName) ?? rows[0];
    return meant ? fromRow(meant) : null;
  }

  /** @returns false when the name is taken */
  async add(webhook: Webhook, secrets: WebhookSecrets): Promise<boolean> {
    try {
      await this.insert(this.database, webhook, secrets);
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
    this.changes.publish({ kind: 'webhooks' });
    return true;
  }

  /** The same within a transaction, which publishes the change. */
  async insert(client: Prisma.TransactionClient, webhook: Webhook, secrets: WebhookSecrets): Promise<void> {
    await client.webhook.create({ data: { ...(await this.#columns(webhook, secrets)), failingSince: null } });
  }

  /**
   * Compare-and-set. Within a transaction it is not published. What waits for one that is disabled is given up by `giveUpWaiting`, once
   * the change is committed and recorded.
   * @returns false when it changed or went since it was read, or the new name is taken
   */
  async replace(
    before: StoredWebhook,
    after: Webhook,
    secrets: WebhookSecrets,
    client: Prisma.TransactionClient = this.database,
  ): Promise<boolean> {
    const data = await this.#columns(after, secrets);
    // What is enabled again has days to answer.
    const isEnabled = before.disabledAt !== null && after.disabledAt === null;
    const { count } = await client.webhook.updateMany({
      where: { id: before.id, sealedSecrets: before.sealedSecrets },
      data: isEnabled ? { ...data, failingSince: null } : data,
    });
    if (client === this.database) this.changes.publish({ kind: 'webhooks' });
    return count > 0;
  }

  /** Its events go nowhere from then on. As `replace`. */
  async remove(id: string, client: Prisma.TransactionClient = this.database): Promise<boolean> {
    const { count } = await client.webhook.deleteMany({ where: { id } });
    if (client === this.database) this.changes.publish({ kind: 'webhooks' });
    return count > 0;
  }

  /**
   * Gives up what waits for a webhook that gets nothing any more. It stays for a while, and may be replayed. In no transaction of the change:
   * these rows can be many, and replicas change them all the time. What is left, after an error as well, is left to a job, or is sent where
   * the webhook is enabled again.
   */
  async giveUpWaiting(
    id: string,
    now: Date,
    why: 'disabled' | 'deleted',
    shutdown?: AbortSignal,
  ): Promise<void> {
    try {
      await abandonWaiting(this.database, id, why, now, shutdown);
    } catch (error) {
      this.#log.warn(
        { err: error, webhook: id },
        'events of a webhook that gets none any more are given up later, by a job',
      );
    }
  }

  /** @returns null where the row is not as the broker wrote it; that was reported */
  async open(webhook: StoredWebhook): Promise<WebhookSecrets | null> {
    try {
      const opened = await this.sealer.open(webhook.sealedSecrets, webhookAad(boundOf(webhook)));
      const { current, former = [], previous, until } = JSON.parse(opened.reveal()) as SealedJson;
      const all = previous === undefined ? former : [{ secret: previous, until: until ?? '' }, ...former];
      return {
        current: new Secret(current),
        former: all.map(({ secret, until }) => ({ secret: new Secret(secret), until: new Date(until) })),
      };
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'webhook', id: webhook.id, reason: error.message });
      return null;
    }
  }

  /** Notes when it began to accept nothing, or that it accepts again. Not a change of the webhook. */
  async noteFailing(id: string, since: Date | null): Promise<void> {
    await this.database.webhook.updateMany({
      where: { id, failingSince: since === null ? { not: null } : null },
      data: { failingSince: since },
    });
  }

  async #columns(webhook: Webhook, { current, former }: WebhookSecrets) {
    const columns = boundOf(webhook);
    const json: SealedJson = {
      current: current.reveal(),
      former: former.map(({ secret, until }) => ({ secret: secret.reveal(), until: until.toISOString() })),
    };
    const sealedSecrets = await this.sealer.seal(new Secret(JSON.stringify(json)), webhookAad(columns));
    return { ...columns, sealedSecrets };
  }
}

interface SealedJson {
  readonly current: string;
  readonly former?: readonly { readonly secret: string; readonly until: string }[];
  /** Rows that were sealed when there could be one. */
  readonly previous?: string;
  readonly until?: string;
}

/** What the seal is bound to. */
function boundOf({ id, name, url, events, services, createdAt, disabledAt, disabledReason }: Webhook) {
  return {
    id,
    name,
    url,
    events: [...events],
    services: [...services],
    createdAt,
    disabledAt,
    disabledReason,
  };
}

function fromRow(row: Row): StoredWebhook {
  return { ...row, disabledReason: row.disabledReason as DisabledReason | null };
}
