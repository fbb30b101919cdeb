import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokenTokenResponse, GoogleFailure } from '../domain/google/google-failure.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import type { CodeExchangeResponse } from '../domain/google/oauth.js';
import { after, Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { claimedSubject } from '../google/oauth/id-token-verifier.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import type { PendingAuthorization } from '../token-store/connects/authorization-requests.repository.js';
import {
  type PendingExchange,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { FinishExchange } from './finish-exchange.js';

/** Longer than a browser's request works on an exchange; then finish-due-exchanges.job.ts may claim it. */
const CLAIM_SECONDS = 60;
/** How long the broker tries to finish a connect without its browser. */
const LIFETIME_SECONDS = 24 * 3600;
/** The user waits meanwhile. A database that fails over answers again within seconds. */
const RETRY_DELAYS_MS = [100, 300, 1000, 3000];

/** Exchanges a code, and stores the response before any other use of it; of a broken one, it books the refresh token. */
@Injectable()
export class CodeExchange {
  readonly #log = new Logger(CodeExchange.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly google: GoogleOAuthClient,
    private readonly database: DatabaseHealth,
    private readonly exchanges: PendingExchangesRepository,
    private readonly finishExchange: FinishExchange,
    private readonly ledger: SlotLedgerRepository,
    private readonly metrics: ConnectMetrics,
  ) {}

  /**
   * Never retried: Google accepts a code once, so a retry after a lost response could only fail.
   * @throws {GoogleFailure}
   */
  async exchange(request: PendingAuthorization, code: Secret): Promise<CodeExchangeResponse> {
    const { connectRequest, purpose, verifier } = request;
    try {
      const response = await this.google.exchangeCode({
        client: this.settings.clients.pick(connectRequest.client),
        code,
        redirectUri: this.settings.redirectUri,
        verifier,
        scopes: purpose === 'identify' ? [] : connectRequest.scopes,
      });
      this.metrics.step('exchange', 'ok');
      return response;
    } catch (error) {
      this.metrics.step('exchange', 'failed');
      if (error instanceof BrokenTokenResponse) await this.#bookIssued(request, error);
      throw error;
    }
  }

  /** @throws when the database stores nothing; only then is the refresh token lost */
  async store(exchange: PendingExchange): Promise<void> {
    const { connectRequest, answer } = exchange;
    // The id_token is not verified yet; the unverified sub is enough to book a slot.
    const sub = claimedSubject(answer.idToken);
    if (sub === null && answer.refreshToken !== null) this.#warnOfUnknown(connectRequest);
    try {
      await this.#retry((now) =>
        this.exchanges.put(exchange, sub, now, after(now, CLAIM_SECONDS), after(now, LIFETIME_SECONDS)),
      );
    } catch (error) {
      const { serviceId, client } = connectRequest;
      const facts = { err: error, service: serviceId, client };
      this.#log.error(
        facts,
        'the tokens of a code exchange could not be stored: the user must connect again',
      );
      throw error;
    }
  }

  /** A broken answer becomes no grant, and Google counts its refresh token all the same. */
  async #bookIssued(
    { connectRequest, nonceHash }: PendingAuthorization,
    { issued, idToken }: BrokenTokenResponse,
  ): Promise<void> {
    const answer = { idToken, obtainedAt: this.clock.now() };
    let sub: string | null = null;
    let isAccountVerified = true;
    try {
      ({ sub } = await this.finishExchange.verifyAccount({ connectRequest, nonceHash, answer }));
    } catch (error) {
      // Google's keys cannot be fetched: booked as an exchange that is not verified yet.
      isAccountVerified = !(error instanceof GoogleFailure && error.subtype === 'keys_unavailable');
      if (!isAccountVerified) sub = claimedSubject(idToken);
    }
    if (sub === null) {
      this.#warnOfUnknown(connectRequest);
      return;
    }
    const unused = { ...connectRequest, account: { sub } };
    await this.#retry((now) => this.ledger.bookUnused(unused, issued, now, { isAccountVerified })).catch(
      (error: unknown) => {
        const { serviceId, client } = connectRequest;
        const facts = { err: error, service: serviceId, client };
        this.#log.error(
          facts,
          'a refresh token of a broken answer could not be booked: the ledger lacks a slot',
        );
      },
    );
  }

  #warnOfUnknown({ serviceId, client }: ConnectRequest): void {
    this.#log.warn(
      { service: serviceId, client },
      'Google issued a refresh token of an unknown account, which is not used: the slot ledger lacks one slot',
    );
  }

  /** @throws what is no outage of the database, or lasts */
  async #retry(write: (now: Date) => Promise<void>): Promise<void> {
    for (const delay of [...RETRY_DELAYS_MS, null]) {
      try {
        await write(this.clock.now());
        return;
      } catch (error) {
        if (delay === null || !this.database.isOutage(error)) throw error;
        await sleep(delay);
      }
    }
  }
}
