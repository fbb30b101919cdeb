import { Module } from '@nestjs/common';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';
import { RunWebhooks } from './run-webhooks.js';
import { SendEvent } from './send-event.js';

/**
 * Owns telling the app what happened to its grants: signed webhooks, tried again until they are taken, and the notice
 * that a grant will die soon.
 * Does not own the events: each is written in the transaction of the change that it tells of (token-store/outbox.ts).
 * Nor does it own the forecast (domain/forecast.ts). Without WEBHOOK_URL nothing here runs.
 */
@Module({
  providers: [RunWebhooks, DeliverEvents, SendEvent, AnnounceExpiringGrants],
})
export class WebhooksModule {}
