import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
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

/** Longer than a browser's request works on an exchange; then resume-connects.job.ts may claim it. */
const CLAIM_SECONDS = 60;
/** How long the broker tries to finish a connect without its browser. */
const LIFETIME_SECONDS = 24 * 3600;
/** The user waits meanwhile. A database that fails over answers again within seconds. */
const RETRY_DELAYS_MS = [100, 300, 1000, 3000];

/** Exchanges a code, and stores the response before any other use of it. */
@Injectable()
export class CodeExchange {
  readonly #log = new Logger(CodeExchange.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly google: GoogleOAuthClient,
    private readonly database: DatabaseHealth,
    private readonly exchanges: PendingExchangesRepository,
    private readonly metrics: ConnectMetrics,
  ) {}

  /**
   * Never retried: Google accepts a code once, so a retry after a lost response could only fail.
   * @throws {GoogleFailure}
   */
  async exchange(
    { connectRequest, purpose, verifier }: PendingAuthorization,
    code: Secret,
  ): Promise<CodeExchangeResponse> {
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
      throw error;
    }
  }

  /** @throws when the database stores nothing; only then is the refresh token lost */
  async store(exchange: PendingExchange): Promise<void> {
    // The id_token is not verified yet; the unverified sub is enough to book a slot.
    const sub = claimedSubject(exchange.answer.idToken);
    for (const delay of [...RETRY_DELAYS_MS, null]) {
      const now = this.clock.now();
      try {
        await this.exchanges.put(exchange, sub, now, after(now, CLAIM_SECONDS), after(now, LIFETIME_SECONDS));
        return;
      } catch (error) {
        if (delay === null || !this.database.isOutage(error)) {
          const { serviceId, client } = exchange.connectRequest;
          const facts = { err: error, service: serviceId, client };
          this.#log.error(
            facts,
            'the tokens of a code exchange could not be stored: the user must connect again',
          );
          throw error;
        }
        await sleep(delay);
      }
    }
  }
}
