import { Injectable, type OnModuleInit } from '@nestjs/common';
import { endOf } from '../domain/connect/connect-end.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { BrokerError } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { Scheduler } from '../operations/scheduler.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import {
  type DueExchange,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { consentFacts, NO_REFRESH_TOKEN } from './connect-outcome-of.js';
import { FinishExchange } from './finish-exchange.js';
import { KeepExchange } from './keep-exchange.js';

const EVERY_SECONDS = 5;
const BATCH = 20;
/** Longer than Google and the database may take for a whole batch. */
const CLAIM_MS = 5 * 60_000;
const FIRST_MS = 5_000;
const MAX_MS = 5 * 60_000;
const RETRY_AFTER_SECONDS = 5;
/** It is tried every few minutes. One that is over for longer was put back by somebody, or no broker ran for a day. */
const MAX_OVER_MS = 3600_000;

/** Finishes connects whose browser has gone: Google's keys or the database could not be had when it came back. */
@Injectable()
export class ResumeConnectsJob implements OnModuleInit {
  constructor(
    private readonly clock: Clock,
    private readonly work: Scheduler,
    private readonly exchanges: PendingExchangesRepository,
    private readonly keepExchange: KeepExchange,
    private readonly finishExchange: FinishExchange,
    private readonly audit: AuditLog,
    private readonly monitor: ConnectMetrics,
  ) {}

  onModuleInit(): void {
    this.work.every(EVERY_SECONDS, 'finish connects', (shutdown) => this.#finishDue(shutdown));
  }

  /**
   * What waits under a completion code is tried at once.
   * @throws {BrokerError} `google_unavailable` while it cannot be finished
   */
  async finishByCode(codeHash: Uint8Array<ArrayBuffer>): Promise<void> {
    const exchange = await this.exchanges.claimByCode(codeHash, this.#claimUntil());
    if (exchange === null) return;
    if (exchange !== 'busy' && (await this.#finish(exchange))) return;
    throw new BrokerError(
      'google_unavailable',
      'Which account consented cannot be verified yet. The consent is kept; send the same code again.',
      { retry_after: RETRY_AFTER_SECONDS },
    );
  }

  async #finishDue(shutdown: AbortSignal): Promise<void> {
    const isStopping = () => shutdown.aborted;
    let isMore = true;
    while (isMore && !isStopping()) {
      const batch = await this.exchanges.claim(BATCH, this.clock.now(), this.#claimUntil());
      for (const exchange of batch) {
        if (!isStopping()) await this.#finish(exchange);
      }
      isMore = batch.length === BATCH;
    }
  }

  /** @returns false when it must be tried again */
  async #finish(exchange: DueExchange): Promise<boolean> {
    const now = this.clock.now();
    try {
      if (exchange.expiresAt.getTime() + MAX_OVER_MS <= now.getTime()) return await this.#giveUp(exchange);
      const finished = await this.finishExchange.finish(exchange);
      // There is no browser that could be sent to Google once more.
      this.#report(exchange, finished.kind === 'again' ? NO_REFRESH_TOKEN : finished);
      return true;
    } catch (fault) {
      const cause = this.keepExchange.causeOf(fault);
      if (exchange.expiresAt <= now) return this.#giveUp(exchange, cause);
      const pause = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(20, exchange.attempts));
      await this.exchanges.postpone(exchange.id, new Date(now.getTime() + pause), null);
      return false;
    }
  }

  async #giveUp(exchange: DueExchange, lastFault: string | null = null): Promise<true> {
    await this.exchanges.remove(exchange.id);
    this.#report(exchange, { kind: 'failed', code: 'gave_up', detail: '', cause: 'gave_up' }, lastFault);
    return true;
  }

  #report(exchange: DueExchange, outcome: ConnectOutcome, lastFault: string | null = null): void {
    const { connectRequest, requestId } = exchange;
    // Another replica finished it, and says so; or it waits for its confirmation now, as the browser was told.
    if (outcome.kind === 'finishing') return;
    const { details, ...facts } = consentFacts(outcome);
    this.monitor.ended({ ...endOf(outcome, connectRequest, requestId), isResumed: true });
    this.audit.record({
      at: this.clock.now(),
      action: 'connect.consent',
      outcome: 'ok',
      actor: 'broker',
      serviceId: connectRequest.serviceId,
      userId: connectRequest.userId,
      client: connectRequest.client,
      requestId,
      ...facts,
      details: {
        asked: connectRequest.scopes,
        ...details,
        resumed: true,
        ...(lastFault === null ? {} : { last_fault: lastFault }),
      },
    });
  }

  #claimUntil(): Date {
    return new Date(this.clock.now().getTime() + CLAIM_MS);
  }
}
