import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { ConnectCause } from '../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import { Clock } from '../domain/ports/clock.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import {
  type PendingExchange,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { ExchangeCode } from './code-exchange.js';
import { HoldPendingConsent } from './hold-pending-consent.js';

/** Longer than a browser's request works on it. */
const CLAIM_SECONDS = 60;
const RETRY_SECONDS = 5;
/** How long the broker tries to finish a connect without its browser. */
const LIFETIME_SECONDS = 24 * 3600;
/** While the user waits: a database that fails over answers again within seconds. */
const PAUSES_MS = [100, 300, 1000, 3000];

/** Stores what a code was exchanged for, before anything else is done with it. */
@Injectable()
export class KeepExchange {
  readonly #log = new Logger(KeepExchange.name);

  constructor(
    private readonly clock: Clock,
    private readonly database: DatabaseHealth,
    private readonly exchanges: PendingExchangesRepository,
    private readonly exchangeCode: ExchangeCode,
    private readonly holdConsent: HoldPendingConsent,
  ) {}

  /** @throws when the database takes nothing; only then is the refresh token lost */
  async keep(exchange: PendingExchange): Promise<void> {
    const sub = this.exchangeCode.claimedSubject(exchange.answer);
    for (const pause of [...PAUSES_MS, null]) {
      const now = this.clock.now();
      try {
        await this.exchanges.put(exchange, sub, now, after(now, CLAIM_SECONDS), after(now, LIFETIME_SECONDS));
        return;
      } catch (error) {
        if (pause === null || !this.database.isOutage(error)) {
          const { serviceId, client } = exchange.connectRequest;
          const facts = { err: error, service: serviceId, client };
          this.#log.error(facts, 'what Google gave could not be stored: the user must connect again');
          throw error;
        }
        await sleep(pause);
      }
    }
  }

  /** The browser need not wait, nor begin again: resume-connects.ts goes on. */
  async finishLater(exchange: PendingExchange, fault: unknown): Promise<ConnectOutcome> {
    const { id, connectRequest } = exchange;
    const cause = this.causeOf(fault);
    this.#log.warn({ err: fault, cause }, 'a connect is finished later');
    const named = connectRequest.confirm ? this.holdConsent.newCode(connectRequest.serviceId) : null;
    const dueAt = after(this.clock.now(), RETRY_SECONDS);
    const isNamed = await this.exchanges.postpone(id, dueAt, named?.codeHash ?? null).then(
      () => true,
      // It is due by itself after a while; only the app cannot confirm it then.
      () => false,
    );
    return { kind: 'finishing', cause, code: isNamed ? (named?.code ?? null) : null };
  }

  causeOf(fault: unknown): ConnectCause {
    if (fault instanceof GoogleFailure) return 'keys_unavailable';
    return this.database.isOutage(fault) ? 'database_unavailable' : 'internal_error';
  }
}

function after(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}
