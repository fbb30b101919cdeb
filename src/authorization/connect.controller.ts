import { Body, Controller, Get, Post, Query, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { aboutConnect, consentFacts } from '../connect-tickets/connect-audit.js';
import { ConnectTickets, type OpenedTicket, ticketUsed } from '../connect-tickets/connect-ticket.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { endOf } from '../domain/connect/connect-end.js';
import { type ConnectOutcome, outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import { BrokerError } from '../domain/errors.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Public } from '../http/caller.decorator.js';
import { allowFormToLeave, assertOwnPage, sendAppPage } from '../http/page-responses.js';
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
import { type Start, StartAuthorization } from './start-authorization.js';

/** The page of a connect link, and its buttons. What Google answers comes to callback/. */
@Controller('connect')
@ApiExcludeController()
export class ConnectController {
  constructor(
    private readonly tickets: ConnectTickets,
    private readonly progress: TicketProgress,
    private readonly binding: BrowserBinding,
    private readonly startAuthorization: StartAuthorization,
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
    await sendAppPage(reply, context, connectPage(context, { connectRequest, ticket: text, minutesLeft }));
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
    assertOwnPage(request);
    const opened = await this.#open(text, request, audit);
    if (await this.#showAgain(opened, request, reply)) {
      audit.omitSuccess();
      return;
    }
    if (cancel !== undefined) {
      await this.#cancel(opened, request, reply, audit);
      return;
    }
    const start = await this.#start(opened, request, reply);
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
        this.metrics.step('google', 'refused');
        await this.#respond(opened, start.outcome, request, reply, audit);
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

  /** What may not be asked for ends the connect. It goes to the app, like every outcome; without one, its page says so. */
  async #start(opened: OpenedTicket, request: FastifyRequest, reply: FastifyReply): Promise<Start> {
    try {
      await this.tickets.assertUsable(opened);
      const key = this.binding.ensure(request, reply, opened.id);
      const locale = acceptedLocale(request.headers['accept-language']);
      return await this.startAuthorization.begin(opened, key, request.id, locale);
    } catch (fault) {
      if (!(fault instanceof BrokerError) || !FINAL.has(fault.code)) throw fault;
      const outcome = outcomeOfRefusal(fault);
      await this.progress.end(opened.id, outcome, request.id);
      if (opened.connectRequest.returnTo === null) throw fault;
      return { kind: 'ended', outcome };
    }
  }

  async #cancel(
    { id, connectRequest }: OpenedTicket,
    request: FastifyRequest,
    reply: FastifyReply,
    audit: AuditNote,
  ): Promise<void> {
    const key = this.binding.ensure(request, reply, id);
    const stored = await this.progress.stored(id, connectRequest);
    const bound = stored && (await this.progress.begin(stored, this.binding.hashOf(key), request.id, 0));
    if (!bound) throw ticketUsed();
    const outcome = { kind: 'denied', isCancel: true } as const;
    const ended = await this.progress.end(id, outcome, request.id);
    if (!ended?.isNew) {
      audit.omitSuccess();
      await respondToBrowser(reply, bound, ended?.ticket.outcome ?? null);
      return;
    }
    await this.#respond(bound, outcome, request, reply, audit);
  }

  async #respond(
    ticket: Pick<OpenedTicket, 'id' | 'connectRequest'>,
    outcome: ConnectOutcome,
    request: FastifyRequest,
    reply: FastifyReply,
    audit: AuditNote,
  ): Promise<void> {
    audit.add(consentFacts(outcome));
    this.metrics.ended(endOf(outcome, ticket.connectRequest, request.id));
    await respondToBrowser(reply, ticket, outcome);
  }
}

/** Refusals that another press of the button does not change. */
const FINAL: ReadonlySet<string> = new Set(['slots_full', 'not_allowed']);

/** A person's browser opens the page (Fetch Metadata, W3C), and no preview of the link or page loaded ahead. */
function isNavigation({ headers }: FastifyRequest): boolean {
  return headers['sec-fetch-dest'] === 'document' && headers['sec-purpose'] === undefined;
}
