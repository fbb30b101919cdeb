import { Module } from '@nestjs/common';
import { ReplayWebhooks } from '../../webhooks/replay-webhooks.js';
import { SendEvent } from '../../webhooks/send-event.js';
import { WebhookRegistry } from '../../webhooks/webhook-registry.js';

/** The use cases of webhooks/ that an operator's commands need, without the jobs of that module. */
@Module({ providers: [ReplayWebhooks, SendEvent, WebhookRegistry] })
export class WebhookAdminModule {}
