import { Module } from '@nestjs/common';
import { AnnounceExpiringGrants } from './announce-expiring-grants.js';
import { DeliverEvents } from './deliver-events.js';
import { DisableFailing } from './disable-failing.js';
import { ReplayWebhooks } from './replay-webhooks.js';
import { SendEvent } from './send-event.js';
import { WebhookRegistry } from './webhook-registry.js';
import { WebhooksJob } from './webhooks.job.js';

/**
 * Owns webhooks: creating and changing them, the delivery of events (signed, with retries), and the notice that a grant expires
 * soon. Does not own the events: each is written in the transaction of the change that it reports (token-store/outbox/outbox.ts).
 * Nor does it own the forecast (domain/grant/expiry-forecast.ts).
 */
@Module({
  providers: [
    WebhooksJob,
    DeliverEvents,
    DisableFailing,
    SendEvent,
    ReplayWebhooks,
    WebhookRegistry,
    AnnounceExpiringGrants,
  ],
  exports: [ReplayWebhooks, WebhookRegistry],
})
export class WebhooksModule {}
