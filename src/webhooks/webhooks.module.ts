import { Module } from '@nestjs/common';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';
import { ReplayWebhooks } from './replay-webhooks.js';
import { SendEvent } from './send-event.js';
import { WebhooksJob } from './webhooks.job.js';

/**
 * Owns the delivery of events to the app: signed webhooks with retries, and the notice that a grant expires soon.
 * Does not own the events: each is written in the transaction of the change that it reports (token-store/outbox/outbox.ts).
 * Nor does it own the forecast (domain/grant/expiry-forecast.ts). Without WEBHOOK_URL nothing here runs.
 */
@Module({
  providers: [WebhooksJob, DeliverEvents, SendEvent, ReplayWebhooks, AnnounceExpiringGrants],
  exports: [ReplayWebhooks],
})
export class WebhooksModule {}
