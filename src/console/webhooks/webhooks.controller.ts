/** The page of webhooks: which wait, failed or were given up; sending them again, and a test event. */
import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Settings } from '../../config/settings.js';
import { BrokerError, invalidRequest } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audited } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import {
  OutboxListsRepository,
  type WebhookFilter,
} from '../../token-store/outbox/outbox-lists.repository.js';
import { ReplayWebhooks } from '../../webhooks/replay-webhooks.js';
import { choiceIn, cursorIn, type FormValues, nextPath, pathWith, textIn, timeIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.guard.js';
import { actorOf, type ConsolePerson } from '../sign-in/console-sessions.js';
import { STATES, webhooksPage } from './webhooks-page.js';

const WEBHOOKS = 50;
const PATH = '/console/webhooks';

/** Its acts are recorded by webhooks/replay-webhooks.ts. */
@Controller('console/webhooks')
@ConsoleController()
export class ConsoleWebhooksController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly outbox: OutboxListsRepository,
    private readonly webhooks: ReplayWebhooks,
  ) {}

  @Get()
  async list(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = filterOf(query);
    const shown = textsOf(filter);
    const list: CursorOf = ['webhooks', 'console', shown];
    const position = await this.cursors.read(list, cursorIn(query));
    const after = position && {
      createdAt: new Date(position['at'] ?? ''),
      sequence: BigInt(position['sequence'] ?? ''),
    };
    const { items, next } = await this.outbox.find({ ...filter, after, limit: WEBHOOKS });
    const end = next && { at: next.createdAt.toISOString(), sequence: next.sequence.toString() };
    const page = webhooksPage({
      person,
      now: this.clock.now(),
      isConfigured: this.settings.webhook !== null,
      filter: shown,
      webhooks: items,
      next: nextPath(PATH, shown, await this.cursors.write(list, end)),
      done: textIn(query, 'done'),
      detail: textIn(query, 'detail'),
    });
    await sendPage(reply, page);
  }

  @Post('test')
  @Audited('webhook.test', 'refusals')
  async test(@Person() person: ConsolePerson, @Res() reply: FastifyReply): Promise<void> {
    if (this.settings.webhook === null) throw notConfigured();
    const { delivery, ms } = await this.webhooks.test(actorOf(person));
    const result =
      delivery.kind === 'accepted'
        ? { done: 'accepted', detail: String(ms) }
        : { done: 'refused', detail: delivery.error };
    await reply.redirect(pathWith(PATH, result), 303);
  }

  @Post('replay')
  @Audited('webhook.replay', 'refusals')
  async replayAll(
    @Person() person: ConsolePerson,
    @Body() form: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = filterOf(form);
    // The others are sent anyway, or were delivered.
    if (filter.state !== 'abandoned') throw invalidRequest({ state: 'must be abandoned.' });
    const events = await this.webhooks.replayAll(filter, actorOf(person));
    await reply.redirect(pathWith(PATH, { done: 'replayed', detail: String(events) }), 303);
  }

  @Post(':id/replay')
  @Audited('webhook.replay', 'refusals')
  async replay(
    @Person() person: ConsolePerson,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const isFound = await this.webhooks.replay(id, actorOf(person));
    if (!isFound) {
      throw new BrokerError(
        'not_found',
        'There is no such webhook; it is deleted 30 days after its delivery.',
      );
    }
    await reply.redirect(pathWith(PATH, { done: 'replayed', detail: '1' }), 303);
  }
}

function filterOf(values: FormValues): WebhookFilter {
  return {
    state: choiceIn(values, 'state', STATES),
    type: textIn(values, 'type'),
    since: timeIn(values, 'since'),
    until: timeIn(values, 'until'),
  };
}

function textsOf({ state, type, since, until }: WebhookFilter) {
  return { state, type, since: since?.toISOString() ?? null, until: until?.toISOString() ?? null };
}

function notConfigured(): BrokerError {
  return new BrokerError(
    'invalid_request',
    'WEBHOOK_URL is not set: there is no receiver to send a test event to.',
  );
}
