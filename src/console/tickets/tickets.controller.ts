/** The connect tickets of all services: how far each one is, and taking one back. */
import { Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { aboutConnect, cancelFacts } from '../../connect-tickets/connect-audit.js';
import { TicketProgress } from '../../connect-tickets/ticket-progress.js';
import { TICKET_STATES } from '../../domain/connect/connect-ticket.js';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { ConnectMetrics } from '../../operations/connect-metrics.js';
import { ConnectTicketListsRepository } from '../../token-store/connects/connect-ticket-lists.repository.js';
import { ConnectTicketsRepository } from '../../token-store/connects/connect-tickets.repository.js';
import { ServicesRepository } from '../../token-store/services/services.repository.js';
import { nextPath } from '../paths.js';
import { choiceIn, cursorIn, type FormValues, serviceIdOf, textIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { ticketsPage } from './tickets-page.js';

const TICKETS = 50;

@Controller('console/tickets')
@ConsoleController()
export class ConsoleTicketsController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly tickets: ConnectTicketListsRepository,
    private readonly store: ConnectTicketsRepository,
    private readonly services: ServicesRepository,
    private readonly progress: TicketProgress,
    private readonly metrics: ConnectMetrics,
  ) {}

  @Get()
  async list(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const service = textIn(query, 'service');
    const state = choiceIn(query, 'state', TICKET_STATES);
    const list: CursorOf = ['connect tickets', 'console', service, state];
    const position = await this.cursors.read(list, cursorIn(query));
    const now = this.clock.now();
    const { items, next } = await this.tickets.find({
      serviceId: await serviceIdOf(this.services, service),
      state,
      after: position && { expiresAt: new Date(position['at'] ?? ''), id: position['id'] ?? '' },
      limit: TICKETS,
      now,
    });
    const end = next && { at: next.expiresAt.toISOString(), id: next.id };
    const cursor = await this.cursors.write(list, end);
    const page = ticketsPage({
      person,
      now,
      service,
      state,
      tickets: items,
      next: nextPath('/console/tickets', { service, state }, cursor),
      done: textIn(query, 'done'),
    });
    await sendPage(reply, page);
  }

  @Post(':id/cancel')
  @Audited('connect.cancel')
  async cancel(
    @Param('id') id: string,
    @Req() { id: requestId }: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const ticket = await this.store.find(id);
    if (!ticket) throw noSuchTicket();
    audit.add({ ...aboutConnect(ticket.connectRequest), details: { ticket: id } });
    const ended = await this.progress.cancel(id, requestId);
    if (!ended) throw noSuchTicket();
    if (ended.isNew) this.metrics.ended(ended.end);
    audit.add(cancelFacts(ended));
    await reply.redirect(`/console/tickets?done=${ended.isNew ? 'cancelled' : 'ended'}`, 303);
  }
}

function noSuchTicket(): BrokerError {
  return new BrokerError('not_found', 'There is no such connect ticket; one that ended is kept for a day.');
}
