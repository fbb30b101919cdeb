import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { authorityEnded } from '../domain/connect-authority.js';
import { causeOfRedirect } from '../domain/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google-failure.js';
import { findHeldGrant } from '../domain/held-grant.js';
import type { PendingAuthorization } from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConsentTrips, type Trip } from '../domain/ports/consent-trips.js';
import type { ExchangeAnswer } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { ServiceDirectory } from '../domain/ports/service-directory.js';
import { meetsRequirement } from '../domain/required-account.js';
import { ClaimReturn, type Return } from './claim-return.js';
import { ExchangeCode } from './exchange-code.js';
import { FinishExchange } from './finish-exchange.js';
import { KeepExchange } from './keep-exchange.js';
import { outcomeOfFailure, outcomeOfRefusal, WRONG_ACCOUNT } from './outcome-of.js';

export type Completion = { readonly wish: ConnectWish } & (
  | { readonly outcome: ConnectOutcome }
  /** The browser must go to Google once more. */
  | { readonly trip: Trip }
);

@Injectable()
export class CompleteAuthorization {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly trips: ConsentTrips,
    private readonly services: ServiceDirectory,
    private readonly claimReturn: ClaimReturn,
    private readonly exchangeCode: ExchangeCode,
    private readonly keepExchange: KeepExchange,
    private readonly finishExchange: FinishExchange,
  ) {}

  /**
   * @param whose told as soon as the connect is known, whatever comes of it
   * @throws {BrokerError} `invalid_request` when this return belongs to no trip of this browser; nothing is stored then
   */
  async complete(back: Return, requestId: string, whose: (wish: ConnectWish) => void): Promise<Completion> {
    const request = await this.claimReturn.claim(back, whose);
    const { wish } = request;
    const next = await this.#answer(request, back, requestId);
    return 'kind' in next ? { wish, outcome: next } : { wish, trip: next };
  }

  async #answer(
    request: PendingAuthorization,
    { error, errorSubtype, code }: Return,
    requestId: string,
  ): Promise<ConnectOutcome | Trip> {
    const { wish, purpose } = request;
    const ended = authorityEnded(wish, await this.services.findActive(wish.serviceId));
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
    { wish, nonceHash }: PendingAuthorization,
    answer: ExchangeAnswer,
  ): Promise<ConnectOutcome | Trip> {
    const account = await this.exchangeCode.verify({ wish, nonceHash, answer });
    if (!meetsRequirement(account, wish.requireAccount)) return WRONG_ACCOUNT;
    const grants = await this.grants.findIntact(wish.userId, wish.client, this.clock.now());
    if (findHeldGrant(grants, { ...wish, accountHint: account.sub })) return { kind: 'held' };
    return this.trips.again(wish, account, false);
  }

  async #finish(
    { wish, forcedConsent, includedGranted, nonceHash }: PendingAuthorization,
    answer: ExchangeAnswer,
    requestId: string,
  ): Promise<ConnectOutcome | Trip> {
    const exchange = {
      id: randomUUID(),
      wish,
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
    return finished.kind === 'again' ? this.trips.again(wish, finished.account, true) : finished;
  }
}
