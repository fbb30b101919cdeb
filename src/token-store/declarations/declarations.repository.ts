import { Injectable } from '@nestjs/common';
import type { Webhook } from '../../domain/webhook/webhook.js';
import type { WebhookSecrets } from '../../domain/webhook/webhook-secrets.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import type { SharedKind } from '../change-feed/change-listener.js';
import { codesOf, isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import { type StoredWebhook, WebhooksRepository } from '../outbox/webhooks.repository.js';
import type { Prisma, Service as Row } from '../prisma-client/client.js';
import { type BrandingWithLogo, ServiceBrandingRepository } from '../services/service-branding.repository.js';
import { isSigned } from '../services/service-mac.js';
import {
  changeService,
  fromRow,
  insertService,
  type NewService,
  revokeService,
  type StoredService,
} from '../services/service-row.js';
import {
  type DeclaredSettings,
  DeclaredSettingsRepository,
  type SettingContent,
  type SettingKind,
} from './declared-settings.repository.js';

/** Everything that a file can declare, as it is. */
export interface StoredDeclaration {
  readonly services: readonly StoredService[];
  /** Names of rows that no file may touch, and why. */
  readonly taken: ReadonlyMap<string, 'revoked' | 'unverified'>;
  readonly branding: ReadonlyMap<string, BrandingWithLogo>;
  readonly webhooks: readonly {
    readonly webhook: StoredWebhook;
    /** Null: it does not open. */
    readonly secrets: WebhookSecrets | null;
  }[];
  readonly settings: DeclaredSettings;
}

export interface DeclarationWrites {
  readonly addServices: readonly NewService[];
  readonly changeServices: readonly ({ readonly id: string } & Pick<NewService, 'policy' | 'credential'>)[];
  readonly revokeServices: readonly string[];
  readonly saveBranding: readonly ({ readonly serviceId: string } & BrandingWithLogo)[];
  readonly addWebhooks: readonly { readonly webhook: Webhook; readonly secrets: WebhookSecrets }[];
  readonly changeWebhooks: readonly {
    readonly before: StoredWebhook;
    readonly after: Webhook;
    readonly secrets: WebhookSecrets;
  }[];
  readonly removeWebhooks: readonly string[];
  readonly putSettings: readonly ({ readonly name: string } & SettingContent)[];
  readonly removeSettings: readonly { readonly kind: SettingKind; readonly name: string }[];
}

/** Another process may change the same rows at the same time. */
const ATTEMPTS = 3;

/** Reads and writes what a file declares, each in one transaction: what was read is what is changed, in full or not at all. */
@Injectable()
export class DeclarationsRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly changes: ChangeFeed,
    private readonly branding: ServiceBrandingRepository,
    private readonly webhooks: WebhooksRepository,
    private readonly settings: DeclaredSettingsRepository,
  ) {}

  /**
   * @param decide what is to be written, for what is stored; called again where others changed it meanwhile
   * @param beforeCommit the last step of the transaction where something was written: what it throws undoes all
   * @returns what it returned
   */
  async change<T extends { readonly writes: DeclarationWrites | null }>(
    decide: (stored: StoredDeclaration) => T,
    now: Date,
    beforeCommit: (decided: T) => void = () => undefined,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const decided = await this.#attempt(decide, now, beforeCommit);
        if (decided.writes) await this.#finish(decided.writes, now);
        return decided;
      } catch (error) {
        if (attempt === ATTEMPTS || !isConflict(error)) throw error;
      }
    }
  }

  /** What is done after the commit, and cannot undo it. */
  async #finish(writes: DeclarationWrites, now: Date): Promise<void> {
    for (const kind of kindsOf(writes)) this.changes.publish({ kind });
    const disabled = writes.changeWebhooks.filter(({ after }) => after.disabledAt !== null);
    for (const { after } of disabled) await this.webhooks.giveUpWaiting(after.id, now, 'disabled');
    for (const id of writes.removeWebhooks) await this.webhooks.giveUpWaiting(id, now, 'deleted');
  }

  #attempt<T extends { readonly writes: DeclarationWrites | null }>(
    decide: (stored: StoredDeclaration) => T,
    now: Date,
    beforeCommit: (decided: T) => void,
  ): Promise<T> {
    return this.database.$transaction(
      async (tx) => {
        const rows = await tx.service.findMany({ orderBy: { name: 'asc' } });
        const decided = decide(await this.#stored(tx, rows));
        if (decided.writes) {
          await this.#write(tx, rows, decided.writes, now);
          beforeCommit(decided);
        }
        return decided;
      },
      { isolationLevel: 'RepeatableRead' },
    );
  }

  async #stored(tx: Prisma.TransactionClient, rows: readonly Row[]): Promise<StoredDeclaration> {
    const services = rows.filter((row) => row.revokedAt === null && isSigned(this.sealer, row));
    const taken = rows.filter((row) => !services.includes(row));
    const webhooks = await this.webhooks.list(tx);
    const opened = await Promise.all(webhooks.map((webhook) => this.webhooks.open(webhook)));
    return {
      services: services.map(fromRow),
      taken: new Map(taken.map(({ name, revokedAt }) => [name, revokedAt ? 'revoked' : 'unverified'])),
      branding: await this.branding.all(tx),
      webhooks: webhooks.map((webhook, index) => ({ webhook, secrets: opened[index] ?? null })),
      settings: await this.settings.read(tx),
    };
  }

  async #write(
    tx: Prisma.TransactionClient,
    rows: readonly Row[],
    writes: DeclarationWrites,
    now: Date,
  ): Promise<void> {
    for (const { name, ...setting } of writes.putSettings) await this.settings.put(tx, name, setting);
    // An identity that goes to another service is free before that one gets it.
    for (const id of writes.revokeServices) await revokeService(tx, this.sealer, id, now);
    await this.#freeIdentities(tx, rows, writes.changeServices);
    for (const change of writes.changeServices) {
      const row = rows.find(({ id }) => id === change.id);
      if (row) await changeService(tx, this.sealer, row, change);
    }
    for (const service of writes.addServices) await insertService(tx, this.sealer, service);
    for (const { serviceId, branding, bytes } of writes.saveBranding)
      await this.branding.save(serviceId, branding, bytes, tx);
    for (const { webhook, secrets } of writes.addWebhooks) await this.webhooks.insert(tx, webhook, secrets);
    for (const { before, after, secrets } of writes.changeWebhooks) {
      if (!(await this.webhooks.replace(before, after, secrets, tx))) throw new ChangedMeanwhile();
    }
    for (const id of writes.removeWebhooks) await this.webhooks.remove(id, tx);
    for (const { kind, name } of writes.removeSettings) await this.settings.remove(tx, kind, name);
  }

  /** Two services may exchange theirs, which no order of changes can do. */
  async #freeIdentities(
    tx: Prisma.TransactionClient,
    rows: readonly Row[],
    changes: DeclarationWrites['changeServices'],
  ): Promise<void> {
    for (const { id, credential } of changes) {
      const row = rows.find((each) => each.id === id);
      if (credential.kind !== 'identity' || !row) continue;
      if (row.issuer === credential.issuer && row.subject === credential.subject) continue;
      await tx.service.update({ where: { id }, data: { subject: `moving ${id}` } });
    }
  }
}

/** What triggers notify other processes of. */
function kindsOf(writes: DeclarationWrites): SharedKind[] {
  const { addServices, changeServices, revokeServices } = writes;
  const { addWebhooks, changeWebhooks, removeWebhooks, putSettings, removeSettings } = writes;
  const written = {
    services: [addServices, changeServices, revokeServices],
    webhooks: [addWebhooks, changeWebhooks, removeWebhooks],
    settings: [putSettings, removeSettings],
  };
  return (Object.keys(written) as SharedKind[]).filter((kind) =>
    written[kind].some(({ length }) => length > 0),
  );
}

class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile';
}

function isConflict(error: unknown): boolean {
  if (error instanceof ChangedMeanwhile || isUniqueViolation(error)) return true;
  return codesOf(error).some((code) => ['40001', 'P2034', 'P2025'].includes(code));
}
