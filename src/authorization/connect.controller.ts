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
import { endOf } from '../domain/connect-end.js';
import type { Service } from '../domain/policy.js';
import { ConnectMonitor } from '../domain/ports/connect-monitor.js';
import { parseScopes } from '../domain/scopes.js';
import { answerBrowser } from '../http/answer-browser.js';
import { aboutConnect, Audit, Audited, type AuditNote } from '../http/audited.js';
import { setBrowserKey } from '../http/browser-key.js';
import { Caller, OpenToAll } from '../http/caller.js';
import { ApiBodyProblems, ApiProblems } from '../http/openapi.js';
import { allowFormToLeave, BROWSER_ROUTE, demandOwnPage, sendPage } from '../http/browser-route.js';
import { ReportRefusedConnects } from '../http/report-refused-connects.js';
import { connectPage } from '../pages/connect-page.js';
import { ConnectTickets } from './connect-ticket.js';
import { CreateConnectTicket } from './create-connect-ticket.js';
import { ConnectTicketAnswer, CreateTicketBody } from './create-ticket-body.js';
import { StartAuthorization } from './start-authorization.js';
import { TicketInput } from './ticket-input.js';

@Controller('connect')
@ApiTags('connect')
export class ConnectController {
  constructor(
    private readonly settings: Settings,
    private readonly tickets: ConnectTickets,
    private readonly createTicket: CreateConnectTicket,
    private readonly startAuthorization: StartAuthorization,
    private readonly monitor: ConnectMonitor,
  ) {}

  @Post('tickets')
  @Audited('connect.ticket')
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Make a link that takes a user to Google and back' })
  @ApiCreatedResponse({ type: ConnectTicketAnswer })
  @ApiBodyProblems()
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async create(
    @Caller() service: Service,
    @Body() body: CreateTicketBody,
    @Audit() audit: AuditNote,
  ): Promise<ConnectTicketAnswer> {
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
  @UseInterceptors(ReportRefusedConnects)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async show(
    @Query() { ticket }: TicketInput,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const { wish } = await this.tickets.open(ticket, (whose) => {
      audit.add(aboutConnect(whose));
    });
    allowFormToLeave(reply);
    await sendPage(reply, connectPage({ ...wish, ticket }));
  }

  @Post()
  @OpenToAll()
  @Audited('connect.consent')
  @UseInterceptors(ReportRefusedConnects)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async go(
    @Body() { ticket: letter }: TicketInput,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    demandOwnPage(request);
    const ticket = await this.tickets.open(letter, (whose) => {
      audit.add(aboutConnect(whose));
    });
    const start = await this.startAuthorization.begin(ticket);
    if (start.kind === 'held') {
      audit.add({ outcome: 'held' });
      this.monitor.ended(endOf(start, ticket.wish, request.id));
      await answerBrowser(reply, ticket.wish, start, () => this.tickets.renew(ticket.wish));
      return;
    }
    // The consent is not over yet: the callback tells how it ends.
    audit.beSilent();
    const { trip } = start;
    const secure = this.settings.publicUrl.startsWith('https:');
    setBrowserKey(reply, trip.id, trip.browserKey, secure, trip.seconds);
    await reply.redirect(trip.consentUrl, 303);
  }
}
