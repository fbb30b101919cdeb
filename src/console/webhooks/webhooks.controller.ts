/** The page of webhooks: who gets events, which wait, failed or were abandoned; sending them again, and a test event. */
import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BrokerError, invalidRequest } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { EVENT_STATES } from '../../domain/webhook/webhook.js';
import { Audited } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { type EventFilter, OutboxListsRepository } from '../../token-store/outbox/outbox-lists.repository.js';
import { ReplayWebhooks } from '../../webhooks/replay-webhooks.js';
import { type ChangedWebhook, WebhookRegistry } from '../../webhooks/webhook-registry.js';
import { nextPath, pathWith } from '../paths.js';
import { choiceIn, cursorIn, type FormValues, textIn, timeIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import { actorOf, type ConsolePerson } from '../sign-in/console-sessions.js';
import { webhooksPage } from './webhooks-page.js';

const WEBHOOKS = 50;
const PATH = '/console/webhooks';

/** Its acts are recorded by webhooks/. */
@Controller('console/webhooks')
@ConsoleController()
export class ConsoleWebhooksController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly outbox: OutboxListsRepository,
    private readonly replays: ReplayWebhooks,
    private readonly registry: WebhookRegistry,
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
      id: position['id'] ?? '',
    };
    const { items, next } = await this.outbox.find({ ...filter, after, limit: WEBHOOKS });
    const end = next && {
      at: next.createdAt.toISOString(),
      sequence: next.sequence.toString(),
      id: next.id,
    };
    const page = webhooksPage({
      person,
      now: this.clock.now(),
      webhooks: await this.registry.list(),
      filter: shown,
      events: items,
      next: nextPath(PATH, shown, await this.cursors.write(list, end)),
      done: textIn(query, 'done'),
      detail: textIn(query, 'detail'),
    });
    await sendPage(reply, page);
  }

  @Post('receivers/:id/test')
  @Audited('webhook.test', 'refusals')
  async test(
    @Person() person: ConsolePerson,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const sent = await this.replays.test(id, actorOf(person));
    if (!sent) throw noWebhook();
    const { delivery, ms } = sent;
    const result =
      delivery.kind === 'accepted'
        ? { done: 'accepted', detail: String(ms) }
        : { done: 'refused', detail: delivery.error };
    await reply.redirect(pathWith(PATH, result), 303);
  }

  @Post('receivers/:id/enable')
  @Audited('webhook.enable', 'refusals')
  async enable(
    @Person() person: ConsolePerson,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await switched(await this.registry.enable(id, actorOf(person)), reply);
  }

  @Post('receivers/:id/disable')
  @Audited('webhook.disable', 'refusals')
  async disable(
    @Person() person: ConsolePerson,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await switched(await this.registry.disable(id, actorOf(person)), reply);
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
    const events = await this.replays.replayAll(filter, actorOf(person));
    await reply.redirect(pathWith(PATH, { done: 'replayed', detail: String(events) }), 303);
  }

  @Post(':id/replay')
  @Audited('webhook.replay', 'refusals')
  async replay(
    @Person() person: ConsolePerson,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const outcome = await this.replays.replay(id, actorOf(person));
    if (outcome === 'webhook_disabled')
      throw new BrokerError(
        'invalid_request',
        'Its webhook is disabled, so nothing would send it: enable it first.',
      );
    if (outcome === 'webhook_deleted')
      throw new BrokerError('not_found', 'Its webhook was deleted, so nothing would send it.');
    if (outcome === 'not_found') {
      throw new BrokerError('not_found', 'There is no such event; it is deleted 30 days after its delivery.');
    }
    await reply.redirect(pathWith(PATH, { done: 'replayed', detail: '1' }), 303);
  }
}

async function switched(changed: ChangedWebhook | null, reply: FastifyReply): Promise<void> {
  if (!changed) throw noWebhook();
  await reply.redirect(PATH, 303);
}

function filterOf(values: FormValues): EventFilter {
  return {
    state: choiceIn(values, 'state', EVENT_STATES),
    webhookId: textIn(values, 'webhook'),
    type: textIn(values, 'type'),
    since: timeIn(values, 'since'),
    until: timeIn(values, 'until'),
  };
}

function textsOf({ state, webhookId, type, since, until }: EventFilter) {
  return {
    state,
    webhook: webhookId,
    type,
    since: since?.toISOString() ?? null,
    until: until?.toISOString() ?? null,
  };
}

function noWebhook(): BrokerError {
  return new BrokerError('not_found', 'There is no such webhook; it may have been deleted.');
}
