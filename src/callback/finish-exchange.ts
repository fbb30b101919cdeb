import { timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import type { ConnectCause } from '../domain/connect/connect-cause.js';
import { type ConnectOutcome, outcomeOfGrant, outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import { meetsRequirement } from '../domain/connect/connect-request.js';
import { extendableGrants } from '../domain/connect/held-grant.js';
import { judgeConsent } from '../domain/connect/judge-consent.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import type { CodeExchangeResponse } from '../domain/google/oauth.js';
import type { VerifiedAccount } from '../domain/grant/grant.js';
import { after, Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import { ServiceCache } from '../services/service-cache.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import {
  type PendingExchange,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { OUTCOME_WITHOUT_REFRESH_TOKEN, outcomeOfFailure, wrongAccount } from './consent-outcome.js';
import { ReadTicketEnd } from './read-ticket-end.js';
import { PendingConsents } from './pending-consents.js';

/** The outcome of an exchange; or the account that must consent again, with a consent screen. */
export type FinishedExchange = ConnectOutcome | { readonly kind: 'again'; readonly account: VerifiedAccount };

const RETRY_SECONDS = 5;

/** The other outcomes remove the exchange in their own transaction. */
export function leavesNoGrant({ kind }: FinishedExchange): boolean {
  return !['granted', 'pending', 'finishing'].includes(kind);
}

/**
 * Turns a stored exchange into a grant, a consent that awaits confirmation, or a failure. Runs in the browser's request,
 * and later without it (finish-without-browser.ts) until it succeeds or expires; the checks are the same.
 */
@Injectable()
export class FinishExchange {
  readonly #log = new Logger(FinishExchange.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly sealer: Sealer,
    private readonly google: GoogleOAuthClient,
    private readonly database: DatabaseHealth,
    private readonly grants: GrantsRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly services: ServiceCache,
    private readonly exchanges: PendingExchangesRepository,
    private readonly pendingConsents: PendingConsents,
    private readonly ticketEnd: ReadTicketEnd,
  ) {}

  /**
   * Verifies the id_token: which account consented. Works at any time after the exchange.
   * @throws {GoogleFailure}
   */
  verifyAccount({
    connectRequest,
    answer,
    nonceHash,
  }: Pick<PendingExchange, 'connectRequest' | 'nonceHash'> & {
    readonly answer: Pick<CodeExchangeResponse, 'idToken' | 'obtainedAt'>;
  }): Promise<VerifiedAccount> {
    return this.google.verifyIdToken(answer.idToken, {
      client: this.settings.clients.pick(connectRequest.client),
      isNonce: (nonce) => timingSafeEqual(this.sealer.fingerprint(new Secret(nonce), 'nonce'), nonceHash),
      receivedAt: answer.obtainedAt,
    });
  }

  /** Leaves the exchange to finish-due-exchanges.job.ts; the browser neither waits nor starts again. */
  async postpone(
    { id }: Pick<PendingExchange, 'id'>,
    code: string | null,
    fault: unknown,
  ): Promise<ConnectOutcome> {
    const cause = this.causeOf(fault);
    this.#log.warn({ err: fault, cause }, 'a connect is finished later');
    const dueAt = after(this.clock.now(), RETRY_SECONDS);
    // It falls due without this.
    await this.exchanges.postpone(id, dueAt).catch(() => undefined);
    return { kind: 'finishing', cause, code };
  }

  causeOf(fault: unknown): ConnectCause {
    if (fault instanceof GoogleFailure) return 'keys_unavailable';
    return this.database.isOutage(fault) ? 'database_unavailable' : 'internal_error';
  }

  /**
   * An exchange that became nothing stays stored: the caller ends its ticket first, then removes it.
   * @param code that the browser gets in confirm mode; null without a browser
   * @throws a transient failure: Google's keys or the database are unavailable
   */
  async finish(exchange: PendingExchange, code: string | null): Promise<FinishedExchange> {
    const { connectRequest, answer } = exchange;
    let account: VerifiedAccount;
    try {
      account = await this.verifyAccount(exchange);
    } catch (error) {
      if (error instanceof GoogleFailure && error.subtype !== 'keys_unavailable')
        return outcomeOfFailure(error);
      throw error;
    }
    // Checked right before storing: the exchange can be a day old.
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    const refused = ended ? outcomeOfRefusal(ended) : null;
    const outcome =
      refused ??
      (meetsRequirement(account, connectRequest.requireAccount)
        ? null
        : wrongAccount(connectRequest, account));
    if (outcome) {
      // The tokens are discarded, not revoked: a revocation would end the account's other grants.
      await this.ledger.bookUnused({ ...connectRequest, account }, answer, this.clock.now());
      return outcome;
    }
    return connectRequest.confirm ? this.#hold(exchange, account, code) : this.#save(exchange, account);
  }

  async #save(exchange: PendingExchange, account: VerifiedAccount): Promise<FinishedExchange> {
    const { id: exchangeId, connectRequest, answer, includedGranted } = exchange;
    const ticket = await this.ticketEnd.factsOf(exchange, account);
    const saved = await this.grants.saveConsent({
      userId: connectRequest.userId,
      client: connectRequest.client,
      account,
      requestedScopes: connectRequest.scopes,
      answer,
      includedGranted,
      mayNarrow: connectRequest.includeGranted === false,
      exchangeId,
      codeHash: null,
      ticket,
      now: this.clock.now(),
    });
    switch (saved.kind) {
      case 'saved':
        return outcomeOfGrant(saved.grant, connectRequest.scopes, saved.unrequested, ticket?.insteadOf ?? []);
      case 'ticket_ended':
        // Google counts the token all the same.
        await this.ledger.bookUnused({ ...connectRequest, account }, answer, this.clock.now());
        return this.ticketEnd.outcomeOf(exchange.ticketId);
      case 'gone':
        return { kind: 'finishing', cause: 'none', code: null };
      default:
        return this.#again(saved.kind, exchange, account);
    }
  }

  async #hold(
    exchange: PendingExchange,
    account: VerifiedAccount,
    code: string | null,
  ): Promise<FinishedExchange> {
    const { connectRequest, answer, includedGranted } = exchange;
    const { userId, client, scopes } = connectRequest;
    const grants = await this.grants.findVerified(userId, client, this.clock.now());
    const [held] = extendableGrants(grants, account.sub);
    const verdict = judgeConsent({
      requested: scopes,
      answered: answer.scopes,
      hasRefreshToken: answer.refreshToken !== null,
      includedGranted,
      mayNarrow: connectRequest.includeGranted === false,
      held: held ? { scopes: held.grantedScopes, isActive: held.status === 'active' } : null,
    });
    if (verdict.kind !== 'store') return this.#again(verdict.kind, exchange, account);
    return this.pendingConsents.hold(exchange, account, code);
  }

  /** Google omits the refresh token when it showed no consent screen: ask again, with prompt=consent. */
  async #again(
    why: 'no_refresh_token' | 'narrower',
    { connectRequest, answer, forcedConsent }: PendingExchange,
    account: VerifiedAccount,
  ): Promise<FinishedExchange> {
    await this.ledger.bookUnused({ ...connectRequest, account }, answer, this.clock.now());
    return why === 'no_refresh_token' && forcedConsent
      ? OUTCOME_WITHOUT_REFRESH_TOKEN
      : { kind: 'again', account };
  }
}
