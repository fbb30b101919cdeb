import { Injectable } from '@nestjs/common';
import { type ExpiryReason, forecast } from '../domain/grant/expiry-forecast.js';
import type { Grant } from '../domain/grant/grant.js';
import type { Page } from '../domain/list-position.js';
import { takesType } from '../domain/webhook/webhook.js';
import { Clock } from '../domain/ports/clock.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { type GrantPosition, GrantListsRepository } from '../token-store/grants/grant-lists.repository.js';
import { ExpiryNoticesRepository } from '../token-store/outbox/expiry-notices.repository.js';
import {
  takesEvent,
  type WebhookTarget,
  WebhookTargetsRepository,
} from '../token-store/outbox/webhook-targets.repository.js';

const DAY_MS = 24 * 3600 * 1000;

/** How long ahead the app is notified. In Testing, a grant lasts 7 days: a notice that early would follow the consent. */
const NOTICE_MS: Readonly<Record<ExpiryReason, number>> = {
  testing_mode: DAY_MS,
  time_based_access: 7 * DAY_MS,
  inactivity: 7 * DAY_MS,
};

const BATCH = 500;
const EVENT = 'grant.expiring';

/**
 * Writes the event `grant.expiring` for each grant that expires soon, once for each expiry: while no enabled webhook takes it, it would be
 * lost, and waits for one that does.
 * Does not own when a grant expires (domain/grant/expiry-forecast.ts) nor the query (token-store/grants/grant-lists.repository.ts).
 */
@Injectable()
export class AnnounceExpiringGrants {
  constructor(
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
    private readonly grants: GrantListsRepository,
    private readonly notices: ExpiryNoticesRepository,
    private readonly targets: WebhookTargetsRepository,
  ) {}

  async announce(shutdown: AbortSignal): Promise<void> {
    if ((await this.#takers()).length === 0) return;
    const testingClients = await this.declared.testingClients();
    const until = new Date(this.clock.now().getTime() + Math.max(...Object.values(NOTICE_MS)));
    const all = { users: ['*'], clients: ['*'], testingClients, until, isUnnotified: true, limit: BATCH };
    let after: GrantPosition | null = null;
    do {
      const page: Page<Grant, GrantPosition> = await this.grants.expiring({ ...all, after });
      for (const grant of page.items) {
        if (shutdown.aborted) return;
        await this.#announceOne(grant, testingClients.includes(grant.client));
      }
      after = page.next;
    } while (after !== null);
  }

  async #announceOne(grant: Grant, isTesting: boolean): Promise<void> {
    const now = this.clock.now();
    const expiry = forecast(grant, isTesting);
    if (!expiry || expiry.at.getTime() > now.getTime() + NOTICE_MS[expiry.reason]) return;
    const takers = await this.#takers();
    if (takers.some((taker) => takesEvent(taker, EVENT, grant)))
      await this.notices.notify(grant, expiry, now);
  }

  /** From memory: without one no query looks for grants. */
  async #takers(): Promise<readonly WebhookTarget[]> {
    const targets = await this.targets.all();
    return targets.filter(({ webhook }) => webhook.disabledAt === null && takesType(webhook, EVENT));
  }
}
