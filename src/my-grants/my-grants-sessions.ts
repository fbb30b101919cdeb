import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrowserBinding } from '../authorization/browser-binding-cookie.js';
import { PageContexts } from '../authorization/page-contexts.js';
import { ConnectTickets, type OpenedTicket } from '../connect-tickets/connect-tickets.service.js';
import { ticketUsed } from '../connect-tickets/ticket-refusals.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import type { Service } from '../domain/access/policy.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import type { ConnectTicket } from '../domain/connect/connect-ticket.js';
import { BrokerError } from '../domain/errors.js';
import { aboutConnect } from '../connect-tickets/connect-audit.js';
import { auditNoteOf } from '../http/audit.decorator.js';
import { isNavigation } from '../http/page-responses.js';
import { ServiceCache } from '../services/service-cache.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';

/** A browser at the page: for which user, with the authority of which service, read now. */
export interface MyGrantsSession {
  readonly ticketId: string;
  readonly connectRequest: ConnectRequest;
  readonly service: Service;
}

/**
 * From the link of a page to the browser that may use it. As with a connect, a button binds the ticket to one browser by its
 * cookie: a preview of the link shows nothing of a user. From then on the address holds the id of the ticket only.
 */
@Injectable()
export class MyGrantsSessions {
  constructor(
    private readonly tickets: ConnectTickets,
    private readonly store: ConnectTicketsRepository,
    private readonly progress: TicketProgress,
    private readonly binding: BrowserBinding,
    private readonly services: ServiceCache,
    private readonly pages: PageContexts,
  ) {}

  /**
   * A link before its button is pressed.
   * @returns whether this browser has pressed it already
   * @throws {BrokerError} `invalid_request` or `not_allowed`, for a person
   */
  async open(text: string, request: FastifyRequest): Promise<OpenedTicket & { readonly isBound: boolean }> {
    const opened = await this.tickets.open(text, 'manage', (connectRequest, ticketId) => {
      noteIn(request, connectRequest, ticketId);
      this.pages.setConnect(request, connectRequest);
    });
    const { id, stored } = opened;
    const isBound = stored !== null && this.binding.isBoundTo(stored, this.binding.read(request, id));
    if (stored?.browserHash && !isBound) throw ticketUsed();
    if (stored) await this.#assertOpen(stored);
    return { ...opened, isBound };
  }

  /** A person looks at the page of the link: gets its cookie. */
  async show({ id, stored }: OpenedTicket, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    // Not renewed: the key of another tab, which may have pressed the button, stays.
    if (!this.binding.read(request, id)) this.binding.ensure(request, reply, id);
    if (stored && isNavigation(request)) await this.progress.markOpened(stored, request.id);
  }

  /** Binds the ticket to this browser. @returns its id */
  async begin(text: string, request: FastifyRequest, reply: FastifyReply): Promise<string> {
    const { id, stored, isBound } = await this.open(text, request);
    if (isBound) auditNoteOf(request).omitSuccess();
    const key = this.binding.ensure(request, reply, id);
    const bound = stored && (await this.progress.begin(stored, this.binding.hashOf(key), request.id, 0));
    if (!bound) throw ticketUsed();
    return id;
  }

  /**
   * The session of a browser that has begun.
   * @throws {BrokerError} `invalid_request`: not in this browser, or over; `not_allowed`: the service may not do this any more
   */
  async require(ticketId: string, request: FastifyRequest): Promise<MyGrantsSession> {
    const ticket = await this.#bound(ticketId, request);
    const { connectRequest } = ticket;
    await this.#assertOpen(ticket);
    const service = await this.services.findActive(connectRequest.serviceId);
    // It was there a moment ago.
    if (!service) throw new BrokerError('not_allowed', 'The app may not use this page any more.');
    return { ticketId, connectRequest, service };
  }

  /**
   * For a reconnect that ended later than the page: its outcome may be shown, and nothing else.
   * @returns what the page was made for; null while it is open
   * @throws {BrokerError} as `require`, but for a page whose time is over
   */
  async findExpired(ticketId: string, request: FastifyRequest): Promise<ConnectRequest | null> {
    const ticket = await this.#bound(ticketId, request);
    try {
      await this.#assertOpen(ticket);
      return null;
    } catch (fault) {
      if (fault instanceof BrokerError && fault.extensions['reason'] === 'ticket_expired')
        return ticket.connectRequest;
      throw fault;
    }
  }

  async #bound(ticketId: string, request: FastifyRequest): Promise<ConnectTicket> {
    const ticket = await this.store.find(ticketId);
    if (ticket?.connectRequest.purpose !== 'manage') throw ticketUsed();
    const { connectRequest } = ticket;
    noteIn(request, connectRequest, ticketId);
    if (!this.binding.isBoundTo(ticket, this.binding.read(request, ticketId))) throw ticketUsed();
    this.pages.setConnect(request, connectRequest);
    return ticket;
  }

  async #assertOpen({ connectRequest, outcome }: ConnectTicket): Promise<void> {
    await this.tickets.assertUsable({ connectRequest });
    if (outcome === null) return;
    throw new BrokerError(
      'invalid_request',
      'The app has taken this link back. Go back to the app you came from and start again there.',
      { reason: 'ticket_cancelled' },
    );
  }
}

/** Before any refusal: the event of one names the user and the ticket. */
function noteIn(request: FastifyRequest, connectRequest: ConnectRequest, ticket: string): void {
  auditNoteOf(request).add({ ...aboutConnect(connectRequest), details: { ticket } });
}
