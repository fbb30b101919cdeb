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
import { allowFormToLeave, assertOwnPage, BROWSER_ROUTE, sendPage } from '../http/browser-route.js';
import { Caller, OpenToAll } from '../http/caller.decorator.js';
import { ApiBodyProblems, ApiProblems } from '../http/openapi.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { connectPage } from '../pages/connect-page.js';
import { setBrowserBinding } from './browser-binding-cookie.js';
import { respondToBrowser } from './browser-response.js';
import { ConnectAuditInterceptor } from './connect-audit.interceptor.js';
import { ConnectTicketDto, ConnectTicketResponse, TicketInput } from './connect-ticket.dto.js';
import { ConnectTickets } from './connect-ticket.js';
import { CreateConnectTicket } from './create-connect-ticket.js';
import { StartAuthorization } from './start-authorization.js';

@Controller('connect')
@ApiTags('connect')
export class ConnectController {
  constructor(
    private readonly settings: Settings,
    private readonly tickets: ConnectTickets,
    private readonly createTicket: CreateConnectTicket,
    private readonly startAuthorization: StartAuthorization,
    private readonly monitor: ConnectMetrics,
  ) {}

  @Post('tickets')
  @Audited('connect.ticket')
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Make a link that takes a user to Google and back' })
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
    const { url, expiresAt } = await this.createTicket.create(service, client, body);
    return { connect_url: url, expires_at: expiresAt.toISOString() };
  }

  /** Only shows what is about to happen, so that a link preview cannot use up the ticket. */
  @Get()
  @OpenToAll()
  @Audited('connect.consent', 'refusals')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async show(
    @Query() { ticket }: TicketInput,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const { connectRequest } = await this.tickets.open(ticket, (whose) => {
      audit.add(aboutConnect(whose));
    });
    allowFormToLeave(reply);
    await sendPage(reply, connectPage({ ...connectRequest, ticket }));
  }

  @Post()
  @OpenToAll()
  @Audited('connect.consent')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async go(
    @Body() { ticket: payload }: TicketInput,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    assertOwnPage(request);
    const ticket = await this.tickets.open(payload, (whose) => {
      audit.add(aboutConnect(whose));
    });
    const start = await this.startAuthorization.begin(ticket);
    if (start.kind === 'held') {
      audit.add({ outcome: 'held' });
      this.monitor.ended(endOf(start, ticket.connectRequest, request.id));
      await respondToBrowser(reply, ticket.connectRequest, start, () =>
        this.tickets.renew(ticket.connectRequest),
      );
      return;
    }
    // The consent is not over yet: the callback tells how it ends.
    audit.beSilent();
    const { trip } = start;
    const secure = this.settings.publicUrl.startsWith('https:');
    setBrowserBinding(reply, trip.id, trip.browserKey, secure, trip.seconds);
    await reply.redirect(trip.consentUrl, 303);
  }
}
