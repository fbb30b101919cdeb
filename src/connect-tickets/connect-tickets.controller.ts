import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { aboutConnect, cancelFacts } from './connect-audit.js';
import { ConnectTickets } from './connect-tickets.service.js';
import { TicketProgress } from './ticket-progress.js';
import { TicketWatch } from './ticket-watch.js';
import type { Service } from '../domain/access/policy.js';
import { ANY_CLIENT } from '../domain/connect/connect-request.js';
import { type ConnectTicket, stateAt } from '../domain/connect/connect-ticket.js';
import { BrokerError } from '../domain/errors.js';
import { parseScopes } from '../domain/google/scopes.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { ApiBodyProblems, ApiProblems } from '../http/problem-docs.decorator.js';
import { disconnectSignal } from '../http/request-context.js';
import { NoQuery } from '../http/validation/no-query.dto.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';
import { CONNECT_TICKET_EXAMPLES, ConnectTicketDto } from './connect-ticket.dto.js';
import { ConnectTicketResponse } from './connect-ticket.response.js';
import { toTicketRequest } from './read-connect-ticket.js';
import { TicketPath, WaitQuery } from './ticket-status.dto.js';
import { TicketStatusResponse, toTicketStatus } from './ticket-status.response.js';

/** What a service does with its connect tickets: makes them, waits for their outcomes, cancels them. */
@Controller('connect/tickets')
@ApiTags('connect')
@ApiBearerAuth()
export class ConnectTicketsController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly tickets: ConnectTickets,
    private readonly store: ConnectTicketsRepository,
    private readonly progress: TicketProgress,
    private readonly watch: TicketWatch,
    private readonly metrics: ConnectMetrics,
  ) {}

  @Post()
  @Audited('connect.ticket')
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'createConnectTicket',
    summary: 'Make a link that takes a user to Google and back, or to a page of what you hold',
  })
  @ApiBody({ type: ConnectTicketDto, examples: CONNECT_TICKET_EXAMPLES })
  @ApiCreatedResponse({ type: ConnectTicketResponse })
  @ApiBodyProblems()
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async create(
    @Caller() service: Service,
    @Body() body: ConnectTicketDto,
    @Query() _: NoQuery,
    @Req() request: FastifyRequest,
    @Audit() audit: AuditNote,
  ): Promise<ConnectTicketResponse> {
    const asked =
      body.purpose === 'manage' ? { purpose: body.purpose } : { asked: parseScopes(body.scope ?? '') };
    audit.add({ userId: body.user_id, details: asked });
    assertCellUser(this.settings.cell, request, body.user_id);
    const connectRequest = toTicketRequest(service, this.settings.clients, body);
    if (connectRequest.client !== ANY_CLIENT) audit.add({ client: connectRequest.client });
    const { id, url, expiresAt } = await this.tickets.store(service, connectRequest, request.id);
    audit.add({ details: { ticket: id } });
    return { id, connect_url: url, expires_at: expiresAt.toISOString() };
  }

  @Get(':id')
  @Header('cache-control', 'no-store')
  @ApiOperation({ operationId: 'getConnectTicket', summary: 'Where a connect stands, and how it ended' })
  @ApiOkResponse({ type: TicketStatusResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_found', 'rate_limited')
  async get(
    @Caller() service: Service,
    @Param() { id }: TicketPath,
    @Query() { wait, state }: WaitQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TicketStatusResponse> {
    // Read first: an unauthorized call does not wait.
    const ticket = await this.#find(service, id);
    if (wait === 0 || !this.#isAwaited(ticket, state)) return this.#statusOf(ticket);
    const isAwaited = (now: ConnectTicket) => this.#isAwaited(now, state);
    const seen = await this.watch.waitWhile(id, isAwaited, wait * 1000, disconnectSignal(reply));
    return this.#statusOf(seen ?? ticket);
  }

  @Delete(':id')
  @Audited('connect.cancel')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'cancelConnectTicket',
    summary: 'Take a ticket back: its link does not work any more, and a connect under way yields no grant',
  })
  @ApiOkResponse({
    type: TicketStatusResponse,
    description: 'The ticket; one that had ended stays as it was',
  })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_found', 'rate_limited')
  async cancel(
    @Caller() service: Service,
    @Param() { id }: TicketPath,
    @Query() _: NoQuery,
    @Req() { id: requestId }: FastifyRequest,
    @Audit() audit: AuditNote,
  ): Promise<TicketStatusResponse> {
    const ticket = await this.#find(service, id);
    audit.add({ ...aboutConnect(ticket.connectRequest), details: { ticket: id } });
    const ended = await this.progress.cancel(id, requestId);
    if (!ended) throw notFound();
    if (ended.isNew) this.metrics.ended(ended.end);
    audit.add(cancelFacts(ended));
    return this.#statusOf(ended.ticket);
  }

  /** Another service's is as unknown as one that does not exist. */
  async #find(service: Service, id: string): Promise<ConnectTicket> {
    const ticket = await this.store.find(id);
    if (ticket?.connectRequest.serviceId !== service.id) throw notFound();
    return ticket;
  }

  #isAwaited(ticket: ConnectTicket, seen: string | undefined): boolean {
    const now = this.clock.now();
    const state = stateAt(ticket, now);
    return seen === undefined ? ticket.endedAt === null && state !== 'expired' : state === seen;
  }

  #statusOf(ticket: ConnectTicket): TicketStatusResponse {
    return toTicketStatus(ticket, this.clock.now());
  }
}

function notFound(): BrokerError {
  return new BrokerError(
    'not_found',
    'Your service has no connect ticket with this id; one that ended is kept for a day.',
  );
}
