import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { WEBHOOK_RECEIVERS, type WebhookState } from '../domain/metrics/grant-metrics.js';
import { Meter } from '../domain/metrics/meter.js';
import type { UndeliveredEvent } from '../token-store/outbox/outbox-events.repository.js';
import { WebhookTargetsRepository } from '../token-store/outbox/webhook-targets.repository.js';
import { type StoredWebhook, WebhooksRepository } from '../token-store/outbox/webhooks.repository.js';
import type { Delivery } from './send-event.js';
import { WebhookRegistry } from './webhook-registry.js';

const DAY_MS = 24 * 3600_000;
/** Over ten minutes by the retry schedule: one failure after a quiet week says nothing. */
const MIN_ATTEMPTS = 5;
/** Of several events, over ten minutes as well: where many wait, none is tried so often. */
const MIN_IN_A_ROW = 12;

interface WebhookFailure {
  readonly event: UndeliveredEvent;
  readonly delivery: Exclude<Delivery, { kind: 'accepted' }>;
  /** How many the webhook has had: failure-streaks.ts. */
  readonly inARow: number;
  readonly now: Date;
  /** What is still to be given up then is left to a job. */
  readonly shutdown: AbortSignal;
}

/**
 * Disables a webhook that accepted nothing for days, and says in a metric how many are. Does not own what disabling does
 * (webhook-registry.ts) nor the retries (retry-schedule.ts).
 */
@Injectable()
export class DisableFailing {
  readonly #log = new Logger(DisableFailing.name);

  constructor(
    private readonly settings: Settings,
    private readonly registry: WebhookRegistry,
    private readonly webhooks: WebhooksRepository,
    meter: Meter,
    targets: WebhookTargetsRepository,
  ) {
    meter.gauge(WEBHOOK_RECEIVERS).observeAll(async () => {
      const known = await targets.all().catch(() => null);
      if (!known) return [];
      const counts: Record<WebhookState, number> = { enabled: 0, auto_disabled: 0, disabled: 0 };
      for (const { webhook } of known) counts[stateOf(webhook)]++;
      return WEBHOOK_RECEIVERS.labels.state.map((state) => [{ state }, counts[state]] as const);
    });
  }

  /** @returns whether it is disabled now */
  async ifDue(
    webhook: StoredWebhook,
    failingSince: Date,
    { event, delivery, inARow, now, shutdown }: WebhookFailure,
  ): Promise<boolean> {
    const days = this.settings.webhookDisableDays;
    if (days === 0 || now.getTime() - failingSince.getTime() < days * DAY_MS) return false;
    const isRefusing = event.failures + 1 >= MIN_ATTEMPTS || inARow >= MIN_IN_A_ROW;
    if (delivery.kind !== 'gone' && !isRefusing) return false;
    const disabled = await this.registry.disable(webhook.id, 'broker', { reason: 'failing', failingSince });
    // Another replica may have been answered meanwhile: then it stays enabled.
    if (!disabled?.changed) return disabled?.webhook.disabledAt != null;
    this.#log.error(
      { webhook: webhook.name, failing_since: failingSince, error: delivery.error },
      'a webhook is disabled: it accepted nothing for days. `token-broker webhook enable` sends to it again',
    );
    await this.webhooks.giveUpWaiting(webhook.id, now, 'disabled', shutdown);
    return true;
  }
}

function stateOf({ disabledAt, disabledReason }: StoredWebhook): WebhookState {
  if (disabledAt === null) return 'enabled';
  return disabledReason === 'failing' ? 'auto_disabled' : 'disabled';
}
