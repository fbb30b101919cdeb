import { Injectable } from '@nestjs/common';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { meetsRequirement } from '../domain/connect/connect-request.js';
import { livingGrants } from '../domain/connect/held-grant.js';
import { judgeConsent } from '../domain/connect/judge-consent.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import type { VerifiedAccount } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { ServiceCache } from '../services/service-cache.js';
import {
  type PendingExchange,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { ExchangeCode } from './code-exchange.js';
import {
  NO_REFRESH_TOKEN,
  outcomeOfFailure,
  outcomeOfGrant,
  outcomeOfRefusal,
  WRONG_ACCOUNT,
} from './connect-outcome-of.js';
import { HoldPendingConsent } from './hold-pending-consent.js';

/** What became of an exchange; or the account that must consent once more, with a consent screen. */
export type Finished = ConnectOutcome | { readonly kind: 'again'; readonly account: VerifiedAccount };

/**
 * Makes of a stored exchange what it is good for: a grant, a consent that waits for its confirmation, or nothing. Runs with
 * the browser, and again without it until it has come to an end; every check is the same.
 */
@Injectable()
export class FinishExchange {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly services: ServiceCache,
    private readonly exchanges: PendingExchangesRepository,
    private readonly exchangeCode: ExchangeCode,
    private readonly holdConsent: HoldPendingConsent,
  ) {}

  /** @throws what passes: Google's keys or the database cannot be had. Then the exchange is there still */
  async finish(exchange: PendingExchange): Promise<Finished> {
    const finished = await this.#judge(exchange);
    const isTaken = ['granted', 'pending', 'finishing'].includes(finished.kind);
    if (!isTaken) await this.exchanges.remove(exchange.id);
    return finished;
  }

  async #judge(exchange: PendingExchange): Promise<Finished> {
    const { connectRequest, answer } = exchange;
    let account: VerifiedAccount;
    try {
      account = await this.exchangeCode.verify(exchange);
    } catch (error) {
      if (error instanceof GoogleFailure && error.subtype !== 'keys_unavailable')
        return outcomeOfFailure(error);
      throw error;
    }
    // Last before it is stored: verifying can take its time, and may have begun yesterday.
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    const refused = ended ? outcomeOfRefusal(ended) : null;
    const outcome =
      refused ?? (meetsRequirement(account, connectRequest.requireAccount) ? null : WRONG_ACCOUNT);
    if (outcome) {
      // Nothing usable is stored. It is not revoked either: that would end the account's other grants.
      await this.ledger.bookUnused(account, connectRequest.client, answer, this.clock.now());
      return outcome;
    }
    return connectRequest.confirm ? this.#hold(exchange, account) : this.#save(exchange, account);
  }

  async #save(exchange: PendingExchange, account: VerifiedAccount): Promise<Finished> {
    const { id: exchangeId, connectRequest, answer, includedGranted } = exchange;
    const saved = await this.grants.saveConsent({
      userId: connectRequest.userId,
      client: connectRequest.client,
      account,
      requestedScopes: connectRequest.scopes,
      answer,
      includedGranted,
      exchangeId,
      codeHash: null,
      now: this.clock.now(),
    });
    switch (saved.kind) {
      case 'saved':
        return outcomeOfGrant(saved.grant, connectRequest, saved.unrequested);
      case 'gone':
        return { kind: 'finishing', cause: 'none', code: null };
      default:
        return this.#again(saved.kind, exchange, account);
    }
  }

  async #hold(exchange: PendingExchange, account: VerifiedAccount): Promise<Finished> {
    const { connectRequest, answer, includedGranted } = exchange;
    const grants = await this.grants.findIntact(
      connectRequest.userId,
      connectRequest.client,
      this.clock.now(),
    );
    const [held] = livingGrants(grants, account.sub);
    const verdict = judgeConsent({
      requested: connectRequest.scopes,
      answered: answer.scopes,
      hasRefreshToken: answer.refreshToken !== null,
      includedGranted,
      held: held ? { scopes: held.grantedScopes, isActive: held.status === 'active' } : null,
    });
    if (verdict.kind !== 'store') return this.#again(verdict.kind, exchange, account);
    return this.holdConsent.hold(exchange, account);
  }

  /** Google leaves the refresh token out when it showed no consent screen. Ask once more, with one. */
  async #again(
    why: 'no_refresh_token' | 'narrower',
    { connectRequest, answer, forcedConsent }: PendingExchange,
    account: VerifiedAccount,
  ): Promise<Finished> {
    await this.ledger.bookUnused(account, connectRequest.client, answer, this.clock.now());
    return why === 'no_refresh_token' && forcedConsent ? NO_REFRESH_TOKEN : { kind: 'again', account };
  }
}
