import { Module } from '@nestjs/common';
import { ReplayWebhooks } from '../../webhooks/replay-webhooks.js';
import { SendEvent } from '../../webhooks/send-event.js';

/** The use cases of webhooks/ that an operator's commands need, without the jobs of that module. Owns nothing. */
@Module({ providers: [ReplayWebhooks, SendEvent] })
export class WebhookAdminModule {}
