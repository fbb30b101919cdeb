import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { OutboxEventsRepository } from '../token-store/outbox/outbox-events.repository.js';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
/** How long an event is kept after it was delivered or given up. */
const KEEP_SECONDS = 30 * DAY_SECONDS;

@Injectable()
export class WebhooksJob implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly deliverEvents: DeliverEvents,
    private readonly announceExpiring: AnnounceExpiringGrants,
    private readonly events: OutboxEventsRepository,
  ) {}

  onModuleInit(): void {
    if (this.settings.webhook === null) return;
    this.scheduler.every(1, 'deliver webhooks', (shutdown) => this.deliverEvents.deliver(shutdown));
    this.scheduler.every(HOUR_SECONDS, 'announce expiring grants', (shutdown) =>
      this.announceExpiring.announce(shutdown),
    );
    this.scheduler.every(DAY_SECONDS, 'prune webhooks', () =>
      this.events.prune(new Date(this.clock.now().getTime() - KEEP_SECONDS * 1000)),
    );
  }
}
