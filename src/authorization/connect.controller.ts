import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Query,
  Req,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiExcludeEndpoint,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { endOf } from '../domain/connect/connect-end.js';
import { parseScopes } from '../domain/google/scopes.js';
import { aboutConnect, Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller, Public } from '../http/caller.decorator.js';
import { ApiBodyProblems, ApiProblems } from '../http/openapi.js';
import { allowFormToLeave, assertOwnPage, sendPage } from '../http/page-responses.js';
import { BROWSER_ROUTE } from '../http/rate-limit/route-limits.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { connectPage } from '../pages/connect-page.js';
import { redirectToGoogle, respondToBrowser } from './browser-response.js';
import { ConnectAuditInterceptor } from './connect-audit.interceptor.js';
import {
  CONNECT_TICKET_EXAMPLES,
  ConnectTicketDto,
  ConnectTicketResponse,
  TicketDto,
  toConnectRequest,
} from './connect-ticket.dto.js';
import { ConnectTickets } from '../connect-tickets/connect-ticket.js';
import { StartAuthorization } from './start-authorization.js';

@Controller('connect')
@ApiTags('connect')
export class ConnectController {
  constructor(
    private readonly settings: Settings,
    private readonly tickets: ConnectTickets,
    private readonly startAuthorization: StartAuthorization,
    private readonly metrics: ConnectMetrics,
  ) {}

  @Post('tickets')
  @Audited('connect.ticket')
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({
    operationId: 'createConnectTicket',
    summary: 'Make a link that takes a user to Google and back',
  })
  @ApiBody({ type: ConnectTicketDto, examples: CONNECT_TICKET_EXAMPLES })
  @ApiCreatedResponse({ type: ConnectTicketResponse })
  @ApiBodyProblems()
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async create(
    @Caller() service: Service,
    @Body() body: ConnectTicketDto,
    @Audit() audit: AuditNote,
  ): Promise<ConnectTicketResponse> {
    audit.add({ userId: body.user_id, details: { asked: parseScopes(body.scope) } });
    const client = this.settings.clients.pickFor(service, body.client ?? undefined);
    audit.add({ client: client.alias });
    const { url, expiresAt } = await this.tickets.issue(service, toConnectRequest(service, client, body));
    return { connect_url: url, expires_at: expiresAt.toISOString() };
  }

  /** Consumes nothing: a link preview must not use up the ticket. */
  @Get()
  @Public()
  @Audited('connect.consent', 'refusals')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async show(
    @Query() { ticket }: TicketDto,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const { connectRequest } = await this.tickets.open(ticket, (request) => {
      audit.add(aboutConnect(request));
    });
    allowFormToLeave(reply);
    await sendPage(reply, connectPage({ ...connectRequest, ticket }));
  }

  @Post()
  @Public()
  @Audited('connect.consent')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async submit(
    @Body() { ticket: sealed }: TicketDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    assertOwnPage(request);
    const ticket = await this.tickets.open(sealed, (connectRequest) => {
      audit.add(aboutConnect(connectRequest));
    });
    const { connectRequest } = ticket;
    const start = await this.startAuthorization.begin(ticket, request.id);
    if (start.kind === 'held') {
      audit.add({ outcome: 'held' });
      this.metrics.ended(endOf(start, connectRequest, request.id));
      await respondToBrowser(reply, connectRequest, start, () => this.tickets.renew(connectRequest));
      return;
    }
    // The connect has not ended: the callback records how it does.
    audit.omitSuccess();
    await redirectToGoogle(reply, start.redirect, this.settings);
  }
}
