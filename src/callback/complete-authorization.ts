import { Injectable } from '@nestjs/common';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { TokenAnswer, VerifiedAccount } from '../domain/grant.js';
import { findHeldGrant } from '../domain/held-grant.js';
import type { PendingAuthorization } from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConsentTrips, type Trip } from '../domain/ports/consent-trips.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { isRequiredAccount } from '../domain/required-account.js';
import type { Secret } from '../domain/secret.js';
import { ClaimReturn, type Return } from './claim-return.js';
import { ExchangeCode } from './exchange-code.js';
import { HoldConsent } from './hold-consent.js';
import { outcomeOf } from './outcome-of.js';

export type Completion = { readonly wish: ConnectWish } & (
  | { readonly outcome: ConnectOutcome }
  /** The browser must go to Google once more. */
  | { readonly trip: Trip }
);

type Answer = TokenAnswer & { readonly account: VerifiedAccount };

@Injectable()
export class CompleteAuthorization {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly ledger: SlotLedger,
    private readonly trips: ConsentTrips,
    private readonly claimReturn: ClaimReturn,
    private readonly exchangeCode: ExchangeCode,
    private readonly holdConsent: HoldConsent,
  ) {}

  /**
   * @param whose told as soon as the connect is known, whatever comes of it
   * @throws {BrokerError} `invalid_request` when this return belongs to no trip of this browser; nothing is stored then
   */
  async complete(back: Return, whose: (wish: ConnectWish) => void): Promise<Completion> {
    const request = await this.claimReturn.claim(back, whose);
    const { wish } = request;
    const next = await this.#answer(request, back.error, back.code);
    return 'kind' in next ? { wish, outcome: next } : { wish, trip: next };
  }

  async #answer(
    request: PendingAuthorization,
    error: string | null,
    code: Secret | null,
  ): Promise<ConnectOutcome | Trip> {
    if (error === 'access_denied') return { kind: 'denied' };
    if (error !== null || code === null) {
      return {
        kind: 'failed',
        code: error ?? 'code_missing',
        detail: 'Google sent you back without a permission.',
      };
    }
    try {
      const answer = await this.exchangeCode.exchange(request, code);
      return await (request.purpose === 'identify'
        ? this.#goOn(request, answer)
        : this.#store(request, answer));
    } catch (fault) {
      if (fault instanceof GoogleFailure) return outcomeOf(fault);
      if (fault instanceof BrokerError && fault.code === 'slots_full') {
        return { kind: 'failed', code: fault.code, detail: fault.detail };
      }
      throw fault;
    }
  }

  /** The account is known now, and no slot was spent. */
  async #goOn({ wish }: PendingAuthorization, { account }: Answer): Promise<ConnectOutcome | Trip> {
    if (!isWanted(wish, account)) return WRONG_ACCOUNT;
    const grants = await this.grants.findByUser(wish.userId, wish.client);
    if (findHeldGrant(grants, { ...wish, accountHint: account.sub })) return { kind: 'held' };
    return this.trips.again(wish, account.sub, false);
  }

  async #store(
    { wish, forcedConsent }: PendingAuthorization,
    answer: Answer,
  ): Promise<ConnectOutcome | Trip> {
    const { account } = answer;
    const now = this.clock.now();
    if (!isWanted(wish, account)) {
      await this.ledger.bookUnused(account, wish.client, answer, now);
      return WRONG_ACCOUNT;
    }
    // Google leaves the refresh token out when it showed no consent screen. Ask once more, with one.
    const again = () => this.trips.again(wish, account.email ?? account.sub, true);
    if (wish.confirm) {
      const lasts = answer.refreshToken !== null || (await this.#holdsToken(wish, account));
      if (!lasts) return forcedConsent ? NO_REFRESH_TOKEN : again();
      return this.holdConsent.hold(wish, answer);
    }
    const { userId, client, scopes: requestedScopes } = wish;
    const grant = await this.grants.saveConsent({ userId, client, account, requestedScopes, answer, now });
    if (grant) return outcomeOf(grant, wish);
    return forcedConsent ? NO_REFRESH_TOKEN : again();
  }

  /** Whether a refresh token of this account is kept from before. */
  async #holdsToken({ userId, client }: ConnectWish, { sub }: VerifiedAccount): Promise<boolean> {
    const grants = await this.grants.findByUser(userId, client);
    return grants.some(({ status, account }) => status === 'active' && account.sub === sub);
  }
}

const NO_REFRESH_TOKEN: ConnectOutcome = {
  kind: 'failed',
  code: 'no_refresh_token',
  detail: 'Google gave no lasting permission, though we asked for one.',
};

const WRONG_ACCOUNT: ConnectOutcome = {
  kind: 'failed',
  code: 'wrong_account',
  detail: 'You chose another Google account than the one that was asked for. Nothing was stored.',
};

function isWanted({ requireAccount }: ConnectWish, account: VerifiedAccount): boolean {
  return requireAccount === null || isRequiredAccount(account, requireAccount);
}
