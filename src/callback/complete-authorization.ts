import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { HeldGrantCheck } from '../authorization/held-grant-check.js';
import { StartAuthorization } from '../authorization/start-authorization.js';
import { ConnectTickets } from '../connect-tickets/connect-tickets.service.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import { type ConnectOutcome, outcomeOfRefusal, STATE_EXPIRED } from '../domain/connect/connect-outcome.js';
import { type ConnectRequest, meetsRequirement } from '../domain/connect/connect-request.js';
import { type ConnectTicket, FINISHING_SECONDS } from '../domain/connect/connect-ticket.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import { type CodeExchangeResponse, hasPrompt } from '../domain/google/oauth.js';
import { after, Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { ServiceCache } from '../services/service-cache.js';
import type { PendingAuthorization } from '../token-store/connects/authorization-requests.repository.js';
import { PendingExchangesRepository } from '../token-store/connects/pending-exchanges.repository.js';
import { CodeExchange } from './code-exchange.js';
import { outcomeOfFailure, outcomeOfResponse, wrongAccount } from './consent-outcome.js';
import { FinishExchange, leavesNoGrant } from './finish-exchange.js';
import { CONFIRM_SECONDS, PendingConsents } from './pending-consents.js';
import { type AuthorizationResponse, AuthorizationResponseValidator } from './response-validator.js';

export type Completion =
  | {
      readonly kind: 'outcome';
      readonly ticket: ConnectTicket;
      readonly outcome: ConnectOutcome;
      /** The ticket could not be ended: finish-without-browser.ts ends it, and reports the outcome. */
      readonly isReportedLater?: boolean;
    }
  /** The browser must go to Google again. */
  | { readonly kind: 'redirect'; readonly ticket: ConnectTicket; readonly consentUrl: string }
  /** Another call decided, or is about to: this one changed nothing. */
  | { readonly kind: 'settled'; readonly ticket: ConnectTicket };

/** How a code becomes a grant: validate the response, exchange the code once, store the result, verify it, make the grant. */
@Injectable()
export class CompleteAuthorization {
  readonly #log = new Logger(CompleteAuthorization.name);

  constructor(
    private readonly clock: Clock,
    private readonly heldGrants: HeldGrantCheck,
    private readonly startAuthorization: StartAuthorization,
    private readonly services: ServiceCache,
    private readonly tickets: ConnectTickets,
    private readonly progress: TicketProgress,
    private readonly validator: AuthorizationResponseValidator,
    private readonly codeExchange: CodeExchange,
    private readonly finishExchange: FinishExchange,
    private readonly pendingConsents: PendingConsents,
    private readonly exchanges: PendingExchangesRepository,
  ) {}

  /**
   * @param onRequest called as soon as the connect is known, whatever its outcome
   * @param callerSignal aborted when the browser no longer waits for another call to decide
   * @throws {BrokerError} `invalid_request` when the response belongs to no request of this browser; nothing is stored
   */
  async complete(
    response: AuthorizationResponse,
    requestId: string,
    onRequest: (connectRequest: ConnectRequest) => void,
    callerSignal: AbortSignal,
  ): Promise<Completion> {
    const validated = await this.validator.validate(response, requestId, onRequest, callerSignal);
    const { ticket } = validated;
    if (validated.kind === 'settled') return validated;
    if (validated.kind !== 'fresh') {
      const answer = outcomeOfResponse(response);
      // A user who says no late is not asked again.
      if (answer.kind === 'denied') return this.#end(ticket, answer, requestId);
      if (validated.kind === 'late') return this.#end(ticket, STATE_EXPIRED, requestId);
      return this.#beginAgain(ticket, validated.browserKey, requestId, response.locale);
    }
    const { locale } = response;
    const visit: AuthorizationVisit = {
      ticket,
      request: validated.request,
      requestId,
      locale,
      exchangeId: null,
    };
    const next = await this.#handle(visit, response).catch(async (fault: unknown) => {
      // The code is used up, and this browser may begin again at once.
      await this.progress.releaseClaim(ticket, requestId, 0).catch(() => undefined);
      throw fault;
    });
    if ('consentUrl' in next) return { kind: 'redirect', ticket, consentUrl: next.consentUrl };
    return this.#end(ticket, next, requestId, leavesNoGrant(next) ? visit.exchangeId : null);
  }

  /**
   * A grant has ended its ticket already.
   * @param exchangeId of an exchange that became nothing. It goes once the ticket has ended; else finish-without-browser.ts does both
   */
  async #end(
    ticket: ConnectTicket,
    outcome: ConnectOutcome,
    requestId: string,
    exchangeId: string | null = null,
  ): Promise<Completion> {
    if (outcome.kind === 'granted') return { kind: 'outcome', ticket, outcome };
    const seconds = outcome.kind === 'pending' ? CONFIRM_SECONDS : FINISHING_SECONDS;
    const ended = await this.progress
      .end(ticket.id, outcome, requestId, after(this.clock.now(), seconds))
      // The database may be what the outcome is about: the browser gets it all the same.
      .catch((fault: unknown) => {
        this.#log.warn(
          { err: fault, ticket: ticket.id },
          'the outcome of a connect ticket could not be stored',
        );
        return null;
      });
    if (ended && exchangeId !== null) await this.exchanges.remove(exchangeId).catch(() => undefined);
    // Its service cancelled it meanwhile.
    if (ended && !ended.isNew) return { kind: 'settled', ticket: ended.ticket };
    return { kind: 'outcome', ticket, outcome, isReportedLater: ended === null && exchangeId !== null };
  }

  async #beginAgain(
    ticket: ConnectTicket,
    browserKey: Secret,
    requestId: string,
    locale: string | null,
  ): Promise<Completion> {
    try {
      await this.tickets.assertUsable(ticket);
      const start = await this.startAuthorization.begin(ticket, browserKey, requestId, locale);
      if (start.kind === 'redirect') return { ...start, ticket };
      if (start.kind === 'settled') return start;
      return { kind: 'outcome', ticket, outcome: start.outcome };
    } catch (fault) {
      if (!(fault instanceof BrokerError)) throw fault;
      const isLate = fault.extensions['reason'] === 'ticket_expired';
      return this.#end(ticket, isLate ? STATE_EXPIRED : outcomeOfRefusal(fault), requestId);
    }
  }

  async #handle(
    visit: AuthorizationVisit,
    response: AuthorizationResponse,
  ): Promise<ConnectOutcome | { readonly consentUrl: string }> {
    const { request } = visit;
    const { connectRequest, purpose } = request;
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    if (ended) return outcomeOfRefusal(ended);
    if (response.error !== null || response.code === null) return outcomeOfResponse(response);
    try {
      const tokens = await this.codeExchange.exchange(request, response.code);
      return await (purpose === 'identify'
        ? this.#requestConsent(visit, tokens)
        : this.#storeAndFinish(visit, tokens));
    } catch (fault) {
      if (fault instanceof GoogleFailure) return outcomeOfFailure(fault);
      if (fault instanceof BrokerError && fault.code === 'slots_full') return outcomeOfRefusal(fault);
      throw fault;
    }
  }

  /** After a sign-in: the account is known, no slot is taken, and the consent follows where it is needed. */
  async #requestConsent(
    { ticket, request: { connectRequest, nonceHash }, requestId, locale }: AuthorizationVisit,
    answer: CodeExchangeResponse,
  ): Promise<ConnectOutcome | { readonly consentUrl: string }> {
    const account = await this.finishExchange.verifyAccount({ connectRequest, nonceHash, answer });
    if (!meetsRequirement(account, connectRequest.requireAccount))
      return wrongAccount(connectRequest, account);
    const known = { ...connectRequest, accountHint: account.sub };
    const isToConsent = hasPrompt(connectRequest.prompt, 'consent');
    const held = isToConsent ? null : await this.heldGrants.find(known, requestId);
    if (held) return { kind: 'held', grantId: held.id, account: held.account };
    return { consentUrl: await this.startAuthorization.again(ticket, account, false, requestId, locale) };
  }

  async #storeAndFinish(
    visit: AuthorizationVisit,
    answer: CodeExchangeResponse,
  ): Promise<ConnectOutcome | { readonly consentUrl: string }> {
    const { ticket, request, requestId, locale } = visit;
    const { connectRequest, forcedConsent, includedGranted, nonceHash } = request;
    // Drawn before anything is stored: the browser gets the same code, whatever is known of the commits that follow.
    const completion = connectRequest.confirm ? this.pendingConsents.newCode(connectRequest.serviceId) : null;
    const code = completion?.code ?? null;
    const exchange = {
      id: randomUUID(),
      ticketId: ticket.id,
      connectRequest,
      forcedConsent,
      includedGranted,
      nonceHash,
      answer,
      requestId,
      codeHash: completion?.codeHash ?? null,
    };
    // Stored first: the code cannot be exchanged again, and every later step can fail.
    await this.codeExchange.store(exchange);
    visit.exchangeId = exchange.id;
    const finished = await this.finishExchange
      .finish(exchange, code)
      .then(async (result) => {
        // Before the second consent: the job would end the ticket for want of a browser.
        if (result.kind === 'again') await this.exchanges.remove(exchange.id);
        return result;
      })
      .catch((fault: unknown) => this.finishExchange.postpone(exchange, code, fault));
    if (finished.kind !== 'again') return finished;
    return {
      consentUrl: await this.startAuthorization.again(ticket, finished.account, true, requestId, locale),
    };
  }
}

/** One authorization response that is being handled. */
interface AuthorizationVisit {
  readonly ticket: ConnectTicket;
  readonly request: PendingAuthorization;
  readonly requestId: string;
  readonly locale: string | null;
  /** Once its code is exchanged and the tokens are stored. */
  exchangeId: string | null;
}
