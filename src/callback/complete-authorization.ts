import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { StartAuthorization, type Trip } from '../authorization/start-authorization.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import { causeOfRedirect } from '../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { type ConnectRequest, meetsRequirement } from '../domain/connect/connect-request.js';
import { findHeldGrant } from '../domain/connect/held-grant.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import type { CodeExchangeResponse } from '../domain/google/oauth.js';
import { Clock } from '../domain/ports/clock.js';
import { ServiceCache } from '../services/service-cache.js';
import type { PendingAuthorization } from '../token-store/connects/authorization-requests.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { ClaimAuthorizationResponse, type Return } from './authorization-response.js';
import { ExchangeCode } from './code-exchange.js';
import { outcomeOfFailure, outcomeOfRefusal, WRONG_ACCOUNT } from './connect-outcome-of.js';
import { FinishExchange } from './finish-exchange.js';
import { KeepExchange } from './keep-exchange.js';

export type Completion = { readonly connectRequest: ConnectRequest } & (
  | { readonly outcome: ConnectOutcome }
  /** The browser must go to Google once more. */
  | { readonly trip: Trip }
);

@Injectable()
export class CompleteAuthorization {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly trips: StartAuthorization,
    private readonly services: ServiceCache,
    private readonly claimReturn: ClaimAuthorizationResponse,
    private readonly exchangeCode: ExchangeCode,
    private readonly keepExchange: KeepExchange,
    private readonly finishExchange: FinishExchange,
  ) {}

  /**
   * @param whose told as soon as the connect is known, whatever comes of it
   * @throws {BrokerError} `invalid_request` when this return belongs to no trip of this browser; nothing is stored then
   */
  async complete(
    back: Return,
    requestId: string,
    whose: (connectRequest: ConnectRequest) => void,
  ): Promise<Completion> {
    const request = await this.claimReturn.claim(back, whose);
    const { connectRequest } = request;
    const next = await this.#answer(request, back, requestId);
    return 'kind' in next ? { connectRequest, outcome: next } : { connectRequest, trip: next };
  }

  async #answer(
    request: PendingAuthorization,
    { error, errorSubtype, code }: Return,
    requestId: string,
  ): Promise<ConnectOutcome | Trip> {
    const { connectRequest, purpose } = request;
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    if (ended) return outcomeOfRefusal(ended);
    if (error === 'access_denied') return { kind: 'denied' };
    if (error !== null || code === null) {
      return {
        kind: 'failed',
        code: error ?? 'code_missing',
        detail: 'Google sent you back without a permission.',
        cause: causeOfRedirect(error),
        ...(error === null ? {} : { google: { error, subtype: errorSubtype } }),
      };
    }
    try {
      const answer = await this.exchangeCode.exchange(request, code);
      return await (purpose === 'identify'
        ? this.#goOn(request, answer)
        : this.#finish(request, answer, requestId));
    } catch (fault) {
      if (fault instanceof GoogleFailure) return outcomeOfFailure(fault);
      if (fault instanceof BrokerError && fault.code === 'slots_full') return outcomeOfRefusal(fault);
      throw fault;
    }
  }

  /** A sign-in: the account is known now, and no slot was spent. */
  async #goOn(
    { connectRequest, nonceHash }: PendingAuthorization,
    answer: CodeExchangeResponse,
  ): Promise<ConnectOutcome | Trip> {
    const account = await this.exchangeCode.verify({ connectRequest, nonceHash, answer });
    if (!meetsRequirement(account, connectRequest.requireAccount)) return WRONG_ACCOUNT;
    const grants = await this.grants.findIntact(
      connectRequest.userId,
      connectRequest.client,
      this.clock.now(),
    );
    if (findHeldGrant(grants, { ...connectRequest, accountHint: account.sub })) return { kind: 'held' };
    return this.trips.again(connectRequest, account, false);
  }

  async #finish(
    { connectRequest, forcedConsent, includedGranted, nonceHash }: PendingAuthorization,
    answer: CodeExchangeResponse,
    requestId: string,
  ): Promise<ConnectOutcome | Trip> {
    const exchange = {
      id: randomUUID(),
      connectRequest,
      forcedConsent,
      includedGranted,
      nonceHash,
      answer,
      requestId,
      codeHash: null,
    };
    // First of all: the code is burnt, and whatever follows can fail.
    await this.keepExchange.keep(exchange);
    const finished = await this.finishExchange
      .finish(exchange)
      .catch((fault: unknown) => this.keepExchange.finishLater(exchange, fault));
    return finished.kind === 'again' ? this.trips.again(connectRequest, finished.account, true) : finished;
  }
}
