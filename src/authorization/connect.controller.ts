import { Body, Controller, Get, Post, Query, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { aboutConnect, consentFacts } from '../connect-tickets/connect-audit.js';
import { ConnectTickets, type OpenedTicket } from '../connect-tickets/connect-tickets.service.js';
import { ticketUsed } from '../connect-tickets/ticket-refusals.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { Settings } from '../config/settings.js';
import { endOf } from '../domain/connect/connect-end.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Public } from '../http/caller.decorator.js';
import {
  allowFormToLeave,
  assertOwnPage,
  isNavigation,
  sendAppPage,
  sendFormPage,
} from '../http/page-responses.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { connectPage } from '../pages/connect-page.js';
import { embeddedPage } from '../pages/embedded-page.js';
import { acceptedLocale } from '../pages/locale.js';
import { resultPage } from '../pages/result-page.js';
import { BrowserBinding } from './browser-binding-cookie.js';
import { redirectTo, respondToBrowser } from './browser-response.js';
import { ConnectAuditInterceptor } from './connect-audit.interceptor.js';
import { ShowTicketDto, TicketFormDto } from './connect-page.dto.js';
import { isEmbeddedBrowser } from './embedded-browser.js';
import { PageContexts } from './page-contexts.js';
import { SubmitConnect } from './submit-connect.js';

/** The page of a connect link, and its buttons. What Google answers comes to callback/. */
@Controller('connect')
@ApiExcludeController()
export class ConnectController {
  constructor(
    private readonly settings: Settings,
    private readonly tickets: ConnectTickets,
    private readonly progress: TicketProgress,
    private readonly binding: BrowserBinding,
    private readonly submitConnect: SubmitConnect,
    private readonly metrics: ConnectMetrics,
    private readonly pages: PageContexts,
  ) {}

  /** Begins nothing: link previews open links too. The browser that began sees the outcome again. */
  @Get()
  @Public()
  @Audited('connect.consent', 'refusals')
  @UseInterceptors(ConnectAuditInterceptor)
  async show(
    @Query() { ticket: text, here }: ShowTicketDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const opened = await this.#open(text, request, audit);
    if (await this.#showAgain(opened, request, reply)) return;
    await this.tickets.assertUsable(opened);
    const { connectRequest } = opened;
    const context = await this.pages.of(request, connectRequest);
    if (here === undefined && isEmbeddedBrowser(request.headers['user-agent'])) {
      await sendAppPage(reply, context, embeddedPage(context, this.pages.browserLinks(request, text)));
      return;
    }
    if (request.method === 'GET') {
      // Not renewed: the key of another tab, which may have begun already, stays.
      if (!this.binding.read(request, opened.id)) this.binding.ensure(request, reply, opened.id);
      this.metrics.step('open', 'ok');
      if (opened.stored && isNavigation(request)) await this.progress.markOpened(opened.stored, request.id);
    }
    allowFormToLeave(reply);
    const minutesLeft = this.tickets.minutesLeft(connectRequest);
    await sendFormPage(reply, context, connectPage(context, { connectRequest, ticket: text, minutesLeft }));
  }

  @Post()
  @Public()
  @Audited('connect.consent')
  @UseInterceptors(ConnectAuditInterceptor)
  async submit(
    @Body() { ticket: text, cancel }: TicketFormDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    assertOwnPage(request, this.settings.publicUrl);
    const opened = await this.#open(text, request, audit);
    if (await this.#showAgain(opened, request, reply)) {
      audit.omitSuccess();
      return;
    }
    const key = () => this.binding.ensure(request, reply, opened.id);
    const locale = acceptedLocale(request.headers['accept-language']);
    const start =
      cancel === undefined
        ? await this.submitConnect.start(opened, key, request.id, locale)
        : await this.submitConnect.cancel(opened, key(), request.id);
    switch (start.kind) {
      case 'redirect':
        // The connect has not ended: the callback records how it does.
        audit.omitSuccess();
        this.metrics.step('google', 'ok');
        await redirectTo(reply, start.consentUrl);
        return;
      case 'settled':
        audit.omitSuccess();
        await respondToBrowser(reply, start.ticket, start.ticket.outcome);
        return;
      case 'ended':
        if (cancel === undefined) this.metrics.step('google', 'refused');
        audit.add(consentFacts(start.outcome));
        this.metrics.ended(endOf(start.outcome, opened.connectRequest, request.id));
        await respondToBrowser(reply, opened, start.outcome);
    }
  }

  #open(text: string, request: FastifyRequest, audit: AuditNote): Promise<OpenedTicket> {
    return this.tickets.open(text, 'connect', (connectRequest) => {
      audit.add(aboutConnect(connectRequest));
      this.pages.setConnect(request, connectRequest);
    });
  }

  /**
   * Shows an outcome once more, to the browser that began; that of a ticket that none began, to every one.
   * @throws {BrokerError} `invalid_request` to another browser
   */
  async #showAgain({ stored }: OpenedTicket, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    if (!stored) return false;
    const { id, browserHash, outcome, connectRequest } = stored;
    if (browserHash && !this.binding.isBoundTo(stored, this.binding.read(request, id))) throw ticketUsed();
    // Its page says that it expired, and how to get another one.
    if (!outcome || (outcome.kind === 'expired' && !browserHash)) return false;
    // Without a browser there is no page of the result.
    if (!browserHash && connectRequest.returnTo === null) {
      const context = await this.pages.of(request, connectRequest);
      await sendAppPage(reply, context, resultPage(context, { outcome, nextStep: null, connectRequest }));
    } else await respondToBrowser(reply, stored, outcome);
    return true;
  }
}
