import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { randomBytes, randomUUID } from 'node:crypto';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { after, Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import {
  type DisabledReason,
  ENABLED,
  shownAddress,
  type Webhook,
  webhookErrors,
  type WebhookSpec,
  withOrderedFilters,
} from '../domain/webhook/webhook.js';
import { rotated, type WebhookSecrets } from '../domain/webhook/webhook-secrets.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { type StoredWebhook, WebhooksRepository } from '../token-store/outbox/webhooks.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

/** Another process may change the same webhook at the same time. */
const ATTEMPTS = 3;

export interface ChangedWebhook {
  readonly webhook: Webhook;
  /** False when it was so before. */
  readonly changed: boolean;
}

export interface ListedWebhook extends StoredWebhook {
  /** False: it was changed outside the broker, or sealed with another key ring. */
  readonly isVerified: boolean;
  /** Of those that still have a name; the ids of the others. */
  readonly serviceNames: readonly string[];
}

interface WebhookChange {
  readonly after: Webhook;
  readonly secrets: WebhookSecrets;
}

/**
 * Lists, creates, changes and deletes webhooks, for the operator; each act is audited. Does not own delivery (deliver-events.ts) nor when
 * a webhook is disabled by itself (disable-failing.ts).
 */
@Injectable()
export class WebhookRegistry implements BeforeApplicationShutdown {
  readonly #shutdown = new AbortController();

  constructor(
    private readonly webhooks: WebhooksRepository,
    private readonly services: ServicesRepository,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** Before requests in flight are waited for: what waits may be long. */
  beforeApplicationShutdown(): void {
    this.#shutdown.abort();
  }

  /** All of them: there are few. */
  async list(): Promise<ListedWebhook[]> {
    const webhooks = await this.webhooks.list();
    const names = await this.services.namesOf([...new Set(webhooks.flatMap(({ services }) => services))]);
    return Promise.all(
      webhooks.map(async (webhook) => ({
        ...webhook,
        isVerified: (await this.webhooks.open(webhook)) !== null,
        serviceNames: webhook.services.map((id) => names.get(id) ?? id),
      })),
    );
  }

  /**
   * @param input its services by id or name, as in all methods
   * @throws {BrokerError} `invalid_request`: by field, or a name that is taken
   */
  async create(input: WebhookSpec, secret: Secret, actor = 'operator'): Promise<Webhook> {
    const webhook: Webhook = {
      id: randomUUID(),
      ...(await this.#validated(input)),
      createdAt: this.clock.now(),
      ...ENABLED,
    };
    if (!(await this.webhooks.add(webhook, { current: secret, former: [] }))) throw taken(webhook.name);
    await this.#record('webhook.create', webhook, actor, auditDetails(webhook));
    return webhook;
  }

  /**
   * Changes the address or the filters; what is not named stays.
   * @returns null where there is no such webhook
   */
  async update(
    idOrName: string,
    changes: Partial<Omit<WebhookSpec, 'name'>>,
    actor = 'operator',
  ): Promise<ChangedWebhook | null> {
    const changed = await this.#change(idOrName, async (before, secrets) => {
      const spec = await this.#validated({ ...before, ...changes }, before.services);
      return { after: { ...before, ...spec }, secrets };
    });
    if (changed) await this.#record('webhook.update', changed.webhook, actor, auditDetails(changed.webhook));
    return changed;
  }

  /**
   * Gives it another secret. Until the overlap ends, the one before signs as well, and earlier ones until theirs ends.
   * @param overlapMs 0: the new one alone signs from now on
   * @returns null where there is no such webhook
   */
  async rotate(
    idOrName: string,
    secret: Secret,
    overlapMs: number,
    actor = 'operator',
  ): Promise<(ChangedWebhook & { readonly until: Date }) | null> {
    const now = this.clock.now();
    const until = after(now, overlapMs / 1000);
    const changed = await this.#change(idOrName, (before, secrets) => ({
      after: before,
      secrets: rotated(secrets, secret, overlapMs, now),
    }));
    if (!changed) return null;
    await this.#record('webhook.rotate', changed.webhook, actor, { overlap_until: until.toISOString() });
    return { ...changed, until };
  }

  enable(idOrName: string, actor = 'operator'): Promise<ChangedWebhook | null> {
    return this.#switch(idOrName, actor, 'webhook.enable', (before) =>
      before.disabledAt === null ? null : { ...before, ...ENABLED },
    );
  }

  /**
   * @param failure since when it has accepted nothing: one that accepted something meanwhile is not disabled for that. What waits then is
   * left to the caller
   */
  async disable(
    idOrName: string,
    actor = 'operator',
    failure: { readonly reason: DisabledReason; readonly failingSince: Date } | null = null,
  ): Promise<ChangedWebhook | null> {
    const isOver = ({ failingSince }: StoredWebhook) =>
      failure !== null && failingSince?.getTime() !== failure.failingSince.getTime();
    const details = failure && { reason: failure.reason, failing_since: failure.failingSince.toISOString() };
    const disabledReason = failure?.reason ?? 'operator';
    const make = (before: StoredWebhook) =>
      before.disabledAt !== null || isOver(before)
        ? null
        : { ...before, disabledAt: this.clock.now(), disabledReason };
    const disabled = await this.#switch(idOrName, actor, 'webhook.disable', make, details ?? {});
    if (disabled?.changed && failure === null) await this.#giveUpWaiting(disabled.webhook, 'disabled');
    return disabled;
  }

  /** @returns null where there is no such webhook */
  async remove(idOrName: string, actor = 'operator'): Promise<Webhook | null> {
    const webhook = await this.webhooks.findNamed(idOrName);
    if (!webhook || !(await this.webhooks.remove(webhook.id))) return null;
    await this.#record('webhook.delete', webhook, actor, auditDetails(webhook));
    await this.#giveUpWaiting(webhook, 'deleted');
    return webhook;
  }

  /** After the change is recorded: what waits may be long, and a process may end meanwhile. */
  #giveUpWaiting({ id }: Webhook, why: 'disabled' | 'deleted'): Promise<void> {
    return this.webhooks.giveUpWaiting(id, this.clock.now(), why, this.#shutdown.signal);
  }

  async #switch(
    idOrName: string,
    actor: string,
    action: AuditAction,
    make: (before: StoredWebhook) => Webhook | null,
    details: Readonly<Record<string, AuditDetail>> = {},
  ): Promise<ChangedWebhook | null> {
    const changed = await this.#change(idOrName, (before, secrets) => {
      const after = make(before);
      return after && { after, secrets };
    });
    if (changed?.changed) await this.#record(action, changed.webhook, actor, details);
    return changed;
  }

  async #change(
    idOrName: string,
    make: (before: StoredWebhook, secrets: WebhookSecrets) => Promise<WebhookChange> | WebhookChange | null,
  ): Promise<ChangedWebhook | null> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = await this.webhooks.findNamed(idOrName);
      if (!before) return null;
      const secrets = await this.webhooks.open(before);
      if (!secrets) {
        throw new BrokerError(
          'integrity_failed',
          `The webhook ${before.name} was changed outside the broker, or sealed with another key ring. Delete it, and create it again.`,
        );
      }
      const change = await make(before, secrets);
      if (change === null) return { webhook: before, changed: false };
      if (await this.webhooks.replace(before, change.after, change.secrets)) {
        return { webhook: change.after, changed: true };
      }
    }
    throw new BrokerError('invalid_request', 'The webhook is changed by others at the same time. Try again.');
  }

  /** @param held the services that it has already, by id: one may have been revoked since, and stays until it is taken out */
  async #validated(
    { name, url, events, services }: WebhookSpec,
    held: readonly string[] = [],
  ): Promise<WebhookSpec> {
    const errors = webhookErrors({ name, url, events, services });
    const found = await Promise.all(services.map((each) => this.services.findNamed(each)));
    const ids = services.map((each, index) => found[index]?.id ?? each);
    const unknown = services.filter(
      (_, index) => found[index]?.revokedAt !== null && !held.includes(ids[index] ?? ''),
    );
    if (unknown.length > 0) errors['services'] = `must be active services: ${unknown.join(', ')} is none.`;
    if (Object.keys(errors).length > 0) throw invalidRequest(errors);
    return withOrderedFilters({ name, url, events, services: ids });
  }

  async #record(
    action: AuditAction,
    { name }: Webhook,
    actor: string,
    details: Readonly<Record<string, AuditDetail>>,
  ): Promise<void> {
    const at = this.clock.now();
    this.audit.record({ at, action, outcome: 'ok', actor, details: { webhook: name, ...details } });
    await this.audit.flushCommitted([null]);
  }
}

export function generateWebhookSecret(): Secret {
  return new Secret(`whsec_${randomBytes(32).toString('base64')}`);
}

function auditDetails(webhook: Webhook) {
  const { events, services } = webhook;
  return { url: shownAddress(webhook), events, services };
}

function taken(name: string): BrokerError {
  return new BrokerError('invalid_request', `A webhook called ${name} exists already.`, { taken: 'name' });
}
