import { Body, Controller, Get, Header, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
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
import type { Service } from '../domain/policy.js';
import { setBrowserKey } from '../http/browser-key.js';
import { Caller, OpenToAll } from '../http/caller.js';
import { ApiProblems } from '../http/openapi.js';
import { allowFormToLeave, BROWSER_ROUTE, demandOwnPage, sendPage } from '../http/browser-route.js';
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
  ) {}

  @Post('tickets')
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Make a link that takes a user to Google and back' })
  @ApiCreatedResponse({ type: ConnectTicketAnswer })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async create(@Caller() service: Service, @Body() body: CreateTicketBody): Promise<ConnectTicketAnswer> {
    const { url, expiresAt } = await this.createTicket.create(service, body);
    return { connect_url: url, expires_at: expiresAt.toISOString() };
  }

  /** Only shows what is about to happen, so that a link preview cannot use up the ticket. */
  @Get()
  @OpenToAll()
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async show(@Query() { ticket }: TicketInput, @Res() reply: FastifyReply): Promise<void> {
    const wish = await this.tickets.open(ticket);
    allowFormToLeave(reply);
    await sendPage(reply, connectPage({ ...wish, ticket }));
  }

  @Post()
  @OpenToAll()
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async go(
    @Body() { ticket }: TicketInput,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    demandOwnPage(request);
    const wish = await this.tickets.open(ticket);
    const trip = await this.startAuthorization.begin(wish);
    setBrowserKey(
      reply,
      trip.id,
      trip.browserKey,
      this.settings.publicUrl.startsWith('https:'),
      trip.seconds,
    );
    await reply.redirect(trip.consentUrl, 303);
  }
}
