import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BackgroundWork } from '../domain/ports/background-work.js';
import { Clock } from '../domain/ports/clock.js';
import { UndeliveredEvents } from '../domain/ports/undelivered-events.js';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
/** How long an event can be looked up after it was delivered or given up. */
const KEEP_SECONDS = 30 * DAY_SECONDS;

@Injectable()
export class RunWebhooks implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly work: BackgroundWork,
    private readonly deliverEvents: DeliverEvents,
    private readonly announceExpiring: AnnounceExpiringGrants,
    private readonly events: UndeliveredEvents,
  ) {}

  onModuleInit(): void {
    if (this.settings.webhook === null) return;
    this.work.every(1, 'deliver webhooks', (stopping) => this.deliverEvents.deliver(stopping));
    this.work.every(HOUR_SECONDS, 'announce expiring grants', (stopping) =>
      this.announceExpiring.announce(stopping),
    );
    this.work.every(DAY_SECONDS, 'prune webhooks', () =>
      this.events.prune(new Date(this.clock.now().getTime() - KEEP_SECONDS * 1000)),
    );
  }
}
