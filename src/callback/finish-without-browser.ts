import { Injectable, Logger } from '@nestjs/common';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import type { ConnectCause } from '../domain/connect/connect-cause.js';
import { endOf } from '../domain/connect/connect-end.js';
import { type ConnectOutcome, outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { exponentialBackoff } from '../domain/grant/lease-and-backoff.js';
import { after, Clock } from '../domain/ports/clock.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import {
  type DueExchange,
  MAX_OVERDUE_MS,
  PendingExchangesRepository,
} from '../token-store/connects/pending-exchanges.repository.js';
import { consentFacts } from '../connect-tickets/connect-audit.js';
import { OUTCOME_WITHOUT_REFRESH_TOKEN } from './consent-outcome.js';
import { FinishExchange, leavesNoGrant } from './finish-exchange.js';
import { CONFIRM_SECONDS } from './pending-consents.js';

interface Fault {
  readonly error: unknown;
  readonly cause: ConnectCause;
}

/** Longer than Google and the database may take for a whole batch. */
const CLAIM_MS = 5 * 60_000;
const FIRST_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 5 * 60_000;
const RETRY_AFTER_SECONDS = 5;

/**
 * Finishes connects without their browser: Google's keys or the database were unavailable when it came back. An exchange that becomes
 * nothing stays stored until its ticket says so; what fails before is done again, and reported once. Does not own when they are due
 * (finish-due-exchanges.job.ts), nor how a code becomes a grant (finish-exchange.ts).
 */
@Injectable()
export class FinishWithoutBrowser {
  readonly #log = new Logger(FinishWithoutBrowser.name);

  constructor(
    private readonly clock: Clock,
    private readonly exchanges: PendingExchangesRepository,
    private readonly finishExchange: FinishExchange,
    private readonly audit: AuditLog,
    private readonly metrics: ConnectMetrics,
    private readonly progress: TicketProgress,
  ) {}

  /**
   * Finishes the exchange of a completion code now.
   * @param assertMayConfirm throws what refuses the call; then the exchange is discarded
   * @throws {BrokerError} that; `google_unavailable` while Google's keys are, or while another replica finishes it; any other fault as it is
   */
  async finishByCode(
    codeHash: Uint8Array<ArrayBuffer>,
    assertMayConfirm: (asked: ConnectRequest) => void,
    requestId: string,
  ): Promise<void> {
    const now = this.clock.now();
    const exchange = await this.exchanges.claimByCode(codeHash, now, claimUntil(now));
    if (exchange === null) return;
    if (exchange !== 'busy') {
      try {
        assertMayConfirm(exchange.connectRequest);
      } catch (refusal) {
        await this.#discard(exchange, refusal, requestId);
        throw refusal;
      }
      const fault = await this.#attempt(exchange);
      if (fault === null) return;
      if (fault.cause !== 'keys_unavailable') throw fault.error;
    }
    throw new BrokerError(
      'google_unavailable',
      'Which account consented cannot be verified yet. The consent is kept; send the same code again.',
      { retry_after: RETRY_AFTER_SECONDS },
    );
  }

  /** Or leaves it to be retried. */
  async finish(exchange: DueExchange): Promise<void> {
    await this.#attempt(exchange);
  }

  /** @returns why it must be retried; null: it has ended */
  async #attempt(exchange: DueExchange): Promise<Fault | null> {
    const now = this.clock.now();
    try {
      if (exchange.expiresAt.getTime() + MAX_OVERDUE_MS <= now.getTime()) return await this.#giveUp(exchange);
      const finished = await this.finishExchange.finish(exchange, null);
      // No browser is there to send to Google again.
      await this.#end(exchange, finished.kind === 'again' ? OUTCOME_WITHOUT_REFRESH_TOKEN : finished);
      return null;
    } catch (error) {
      const cause = this.finishExchange.causeOf(error);
      const { id, attempts } = exchange;
      // The other causes have their own lines.
      if (cause === 'internal_error')
        this.#log.warn(
          { err: error, exchange: id, attempts },
          'a connect could not be finished, and is tried again',
        );
      if (exchange.expiresAt <= now) return this.#giveUp(exchange, cause);
      const backoffMs = exponentialBackoff(attempts + 1, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
      // It falls due without this, later.
      await this.exchanges.postpone(id, new Date(now.getTime() + backoffMs)).catch(() => undefined);
      return { error, cause };
    }
  }

  /** Its caller reports the refusal. */
  async #discard({ id, ticketId }: DueExchange, refusal: unknown, requestId: string): Promise<void> {
    if (ticketId !== null && refusal instanceof BrokerError)
      await this.progress.end(ticketId, outcomeOfRefusal(refusal), requestId);
    await this.exchanges.remove(id);
  }

  async #giveUp(exchange: DueExchange, lastFault: string | null = null): Promise<null> {
    await this.#end(exchange, { kind: 'failed', code: 'gave_up', detail: '', cause: 'gave_up' }, lastFault);
    return null;
  }

  async #end(exchange: DueExchange, outcome: ConnectOutcome, lastFault: string | null = null): Promise<void> {
    // Reported with the end of the ticket: where the removal fails, all of this is done again.
    if (await this.#endTicket(exchange, outcome)) this.#report(exchange, outcome, lastFault);
    if (leavesNoGrant(outcome)) await this.exchanges.remove(exchange.id);
  }

  /** A grant has ended its ticket already. @returns false where the ticket had ended before, and that was reported */
  async #endTicket(exchange: DueExchange, outcome: ConnectOutcome): Promise<boolean> {
    if (exchange.ticketId === null || outcome.kind === 'granted') return true;
    // The browser has the code already: now the app may confirm.
    if (outcome.kind === 'finishing') return true;
    const confirmUntil = after(this.clock.now(), CONFIRM_SECONDS);
    const ended = await this.progress.end(exchange.ticketId, outcome, exchange.requestId, confirmUntil);
    return ended?.isNew ?? true;
  }

  #report(exchange: DueExchange, outcome: ConnectOutcome, lastFault: string | null = null): void {
    const { connectRequest, requestId } = exchange;
    // Another replica finished it and reports it, or it awaits its confirmation, as its page said.
    if (outcome.kind === 'finishing') return;
    const { details, ...facts } = consentFacts(outcome);
    this.metrics.ended({ ...endOf(outcome, connectRequest, requestId), isWithoutBrowser: true });
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
}

/** Until when no other replica takes an exchange. */
export function claimUntil(now: Date): Date {
  return new Date(now.getTime() + CLAIM_MS);
}
