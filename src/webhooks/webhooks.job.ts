import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { OutboxEventsRepository } from '../token-store/outbox/outbox-events.repository.js';
import { WebhookTargetsRepository } from '../token-store/outbox/webhook-targets.repository.js';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
/** How long an event is kept after it was delivered or abandoned. */
const KEEP_SECONDS = 30 * DAY_SECONDS;

/** When events are delivered, announced and pruned. Without a webhook nothing of it costs anything. */
@Injectable()
export class WebhooksJob implements OnModuleInit {
  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly deliverEvents: DeliverEvents,
    private readonly announceExpiring: AnnounceExpiringGrants,
    private readonly events: OutboxEventsRepository,
    private readonly targets: WebhookTargetsRepository,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(1, 'deliver webhooks', async () => {
      // From memory: without a webhook no query looks for events.
      const targets = await this.targets.all();
      this.deliverEvents.start(
        targets.flatMap(({ webhook }) => (webhook.disabledAt === null ? webhook.id : [])),
      );
    });
    this.scheduler.every(HOUR_SECONDS, 'announce expiring grants', (shutdown) =>
      this.announceExpiring.announce(shutdown),
    );
    this.scheduler.every(DAY_SECONDS, 'prune webhooks', async (shutdown) => {
      const now = this.clock.now();
      await this.events.abandonOrphans(now, shutdown);
      await this.events.prune(new Date(now.getTime() - KEEP_SECONDS * 1000), shutdown);
    });
  }
}
