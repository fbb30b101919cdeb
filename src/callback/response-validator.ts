import { Injectable } from '@nestjs/common';
import { callbackRefusal } from '../authorization/browser-response.js';
import { isHashOfBrowserKey } from '../authorization/start-authorization.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { TicketWatch } from '../connect-tickets/ticket-watch.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { type ConnectTicket, isExchanging, stateAt } from '../domain/connect/connect-ticket.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import {
  AuthorizationRequestsRepository,
  type PendingAuthorization,
  ticketIdOf,
} from '../token-store/connects/authorization-requests.repository.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';

/** A browser waits no longer than this for what another of its tabs exchanges. */
const MAX_WAIT_MS = 15_000;

/** The authorization response (RFC 6749 section 4.1.2), and the cookie of the browser that brought it. */
export interface AuthorizationResponse {
  readonly state: Secret;
  readonly code: Secret | null;
  /** Of the form of an error code, or `unknown_error`. */
  readonly error: string | null;
  readonly errorSubtype: string | null;
  readonly iss: string | null;
  /** Of the pages of Google that follow, where the ticket names none: that of this browser. */
  readonly locale: string | null;
  /** The key of this browser for a ticket. */
  readonly browserKey: (ticketId: string) => Secret | null;
}

/** What a response is good for. */
export type Validated =
  /** Its state is used up by this call, and no other response of the ticket is exchanged meanwhile. */
  | { readonly kind: 'fresh'; readonly ticket: ConnectTicket; readonly request: PendingAuthorization }
  /** The connect has an outcome, or another tab of this browser is about to have one. */
  | { readonly kind: 'settled'; readonly ticket: ConnectTicket }
  /** Its state was used or is too old, and the connect is not finished: this browser may begin again. */
  | { readonly kind: 'stale'; readonly ticket: ConnectTicket; readonly browserKey: Secret }
  /** The time of the connect is over. */
  | { readonly kind: 'late'; readonly ticket: ConnectTicket };

/**
 * Finds the authorization request of a response, checks browser and issuer first and the state last, and uses the state up. Only
 * the browser that began gets more than a refusal (RFC 9700 section 4.7.1), and a state leads to one exchange at most.
 */
@Injectable()
export class AuthorizationResponseValidator {
  constructor(
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
    private readonly tickets: ConnectTicketsRepository,
    private readonly progress: TicketProgress,
    private readonly watch: TicketWatch,
  ) {}

  /**
   * @param onRequest called when the request is found, before it is checked
   * @param callerSignal aborted when the browser no longer waits
   * @throws {BrokerError} `invalid_request`, with the reason
   */
  async validate(
    { state, iss, browserKey }: AuthorizationResponse,
    requestId: string,
    onRequest: (connectRequest: ConnectRequest) => void,
    callerSignal: AbortSignal,
  ): Promise<Validated> {
    const stateHash = this.sealer.fingerprint(state, 'state');
    const request = await this.requests.find(stateHash);
    if (!request) throw callbackRefusal('state_unknown');
    onRequest(request.connectRequest);
    const ticketId = ticketIdOf(request);
    const key = browserKey(ticketId);
    // RFC 6749 section 10.12: only the browser that started may finish.
    if (!key || !isHashOfBrowserKey(this.sealer, request.browserHash, key))
      throw callbackRefusal('other_browser');
    // RFC 9207 section 2.4. Google has not always sent iss, so a missing one is accepted.
    if (iss !== null && !this.google.isIssuer(iss)) throw callbackRefusal('wrong_issuer');
    for (;;) {
      const ticket = await this.#whenFree(ticketId, callerSignal);
      if (!ticket) throw callbackRefusal('state_unknown');
      const now = this.clock.now();
      if (ticket.outcome || isExchanging(ticket, now)) return { kind: 'settled', ticket };
      if (stateAt(ticket, now) === 'expired') return { kind: 'late', ticket };
      const { consumedAt, expiresAt } = (await this.requests.find(stateHash)) ?? request;
      if (consumedAt !== null || expiresAt <= now) {
        // Another tab may have begun to exchange it since the ticket was read.
        if ((await this.tickets.find(ticketId))?.version !== ticket.version) continue;
        return { kind: 'stale', ticket, browserKey: key };
      }
      if (!(await this.progress.claim(ticket, requestId))) continue;
      if (await this.#consume(stateHash, now, ticket, requestId)) return { kind: 'fresh', ticket, request };
      return { kind: 'stale', ticket, browserKey: key };
    }
  }

  /** No response is exchanged unless this uses its state up: another one need not wait until the claim is over. */
  async #consume(
    stateHash: Uint8Array<ArrayBuffer>,
    now: Date,
    ticket: ConnectTicket,
    requestId: string,
  ): Promise<boolean> {
    let isUsed = false;
    try {
      isUsed = await this.requests.consume(stateHash, now);
      return isUsed;
    } finally {
      if (!isUsed) await this.progress.releaseClaim(ticket, requestId, 0).catch(() => undefined);
    }
  }

  /** Two tabs, a double click, a reload: one is exchanged, and the others see its outcome. */
  async #whenFree(id: string, callerSignal: AbortSignal): Promise<ConnectTicket | null> {
    const ticket = await this.tickets.find(id);
    if (!ticket || !isExchanging(ticket, this.clock.now())) return ticket;
    return this.watch.waitWhile(
      id,
      (now) => now.outcome === null && isExchanging(now, this.clock.now()),
      MAX_WAIT_MS,
      callerSignal,
    );
  }
}
