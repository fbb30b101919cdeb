import { Injectable, type OnModuleInit } from '@nestjs/common';
import { endOf } from '../domain/connect-end.js';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import { BrokerError } from '../domain/errors.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { BackgroundWork } from '../domain/ports/background-work.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectMonitor } from '../domain/ports/connect-monitor.js';
import { PendingExchanges, type DueExchange } from '../domain/ports/pending-exchanges.js';
import { consentFacts } from './consent-facts.js';
import { FinishExchange } from './finish-exchange.js';
import { KeepExchange } from './keep-exchange.js';
import { NO_REFRESH_TOKEN } from './outcome-of.js';

const EVERY_SECONDS = 5;
const BATCH = 20;
/** Longer than Google and the database may take for a whole batch. */
const CLAIM_MS = 5 * 60_000;
const FIRST_MS = 5_000;
const LONGEST_MS = 5 * 60_000;
const RETRY_AFTER_SECONDS = 5;
/** It is tried every few minutes. One that is over for longer was put back by somebody, or no broker ran for a day. */
const LONGEST_OVER_MS = 3600_000;

/** Finishes connects whose browser has gone: Google's keys or the database could not be had when it came back. */
@Injectable()
export class ResumeConnects implements OnModuleInit {
  constructor(
    private readonly clock: Clock,
    private readonly work: BackgroundWork,
    private readonly exchanges: PendingExchanges,
    private readonly keepExchange: KeepExchange,
    private readonly finishExchange: FinishExchange,
    private readonly audit: AuditLog,
    private readonly monitor: ConnectMonitor,
  ) {}

  onModuleInit(): void {
    this.work.every(EVERY_SECONDS, 'finish connects', (stopping) => this.#finishDue(stopping));
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

  async #finishDue(stopping: AbortSignal): Promise<void> {
    const isStopping = () => stopping.aborted;
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
      if (exchange.expiresAt.getTime() + LONGEST_OVER_MS <= now.getTime())
        return await this.#giveUp(exchange);
      const finished = await this.finishExchange.finish(exchange);
      // There is no browser that could be sent to Google once more.
      this.#report(exchange, finished.kind === 'again' ? NO_REFRESH_TOKEN : finished);
      return true;
    } catch (fault) {
      const cause = this.keepExchange.causeOf(fault);
      if (exchange.expiresAt <= now) return this.#giveUp(exchange, cause);
      const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(20, exchange.attempts));
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
    const { wish, requestId } = exchange;
    // Another replica finished it, and says so; or it waits for its confirmation now, as the browser was told.
    if (outcome.kind === 'finishing') return;
    const { details, ...facts } = consentFacts(outcome);
    this.monitor.ended({ ...endOf(outcome, wish, requestId), isResumed: true });
    this.audit.record({
      at: this.clock.now(),
      action: 'connect.consent',
      outcome: 'ok',
      actor: 'broker',
      serviceId: wish.serviceId,
      userId: wish.userId,
      client: wish.client,
      requestId,
      ...facts,
      details: {
        asked: wish.scopes,
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
