import { Injectable } from '@nestjs/common';
import { ConnectTickets, type OpenedTicket } from '../connect-tickets/connect-tickets.service.js';
import { ticketUsed } from '../connect-tickets/ticket-refusals.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import { BrokerError } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';
import { BrowserBinding } from './browser-binding-cookie.js';
import { type Start, StartAuthorization } from './start-authorization.js';

/** Refusals that another press of the button does not change. */
const FINAL: ReadonlySet<string> = new Set(['slots_full', 'not_allowed']);

/**
 * The two buttons of the connect page: to Google, and Cancel. Owns which refusals end the connect, and that a cancelled one belongs to
 * the browser that cancelled it. Owns neither the page and its cookie (connect.controller.ts, browser-binding-cookie.ts) nor the
 * authorization request (start-authorization.ts).
 */
@Injectable()
export class SubmitConnect {
  constructor(
    private readonly tickets: ConnectTickets,
    private readonly progress: TicketProgress,
    private readonly binding: BrowserBinding,
    private readonly startAuthorization: StartAuthorization,
  ) {}

  /**
   * What may not be asked for ends the connect. It goes to the app, like every outcome; without one, its page says so.
   * @param browserKey called where the ticket may be used: only then the browser gets a cookie
   * @param locale of this browser, where the ticket names none
   * @throws {BrokerError} as `ConnectTickets.assertUsable` and `StartAuthorization.begin` do
   */
  async start(
    opened: OpenedTicket,
    browserKey: () => Secret,
    requestId: string,
    locale: string | null,
  ): Promise<Start> {
    try {
      await this.tickets.assertUsable(opened);
      return await this.startAuthorization.begin(opened, browserKey(), requestId, locale);
    } catch (fault) {
      if (!(fault instanceof BrokerError) || !FINAL.has(fault.code)) throw fault;
      const outcome = outcomeOfRefusal(fault);
      await this.progress.end(opened.id, outcome, requestId);
      if (opened.connectRequest.returnTo === null) throw fault;
      return { kind: 'ended', outcome };
    }
  }

  /**
   * The browser that began may cancel for as long as Google's pages may take.
   * @throws {BrokerError} `invalid_request` when another browser has begun, or the link has expired
   */
  async cancel(
    { id, connectRequest, stored: known }: OpenedTicket,
    browserKey: Secret,
    requestId: string,
  ): Promise<Exclude<Start, { readonly kind: 'redirect' }>> {
    if (!known || !this.binding.isBoundTo(known, browserKey)) this.tickets.assertNotExpired(connectRequest);
    const stored = known ?? (await this.progress.findOrAdd(id, connectRequest));
    const hash = this.binding.hashOf(browserKey);
    const bound = stored && (await this.progress.begin(stored, hash, requestId, 0));
    if (!bound) throw ticketUsed();
    const outcome = { kind: 'denied', isCancel: true } as const;
    const ended = await this.progress.end(id, outcome, requestId);
    if (ended?.isNew) return { kind: 'ended', outcome };
    return { kind: 'settled', ticket: ended?.ticket ?? bound };
  }
}
