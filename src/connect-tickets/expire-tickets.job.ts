import { Injectable, type OnModuleInit } from '@nestjs/common';
import { TicketProgress } from './ticket-progress.js';
import { endOf } from '../domain/connect/connect-end.js';
import { type ConnectTicket, expiryCauseOf } from '../domain/connect/connect-ticket.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { Scheduler } from '../operations/scheduler.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { AuthorizationRequestsRepository } from '../token-store/connects/authorization-requests.repository.js';
import {
  ConnectTicketsRepository,
  type DuePosition,
} from '../token-store/connects/connect-tickets.repository.js';
import { PendingConsentsRepository } from '../token-store/connects/pending-consents.repository.js';

const EVERY_SECONDS = 10;
const BATCH = 100;
const PRUNE_EVERY_MS = 10 * 60_000;

/**
 * Ends the tickets whose users did not finish in time, so that this is recorded like every other end and the services that wait
 * learn of it; deletes old tickets, authorization requests and consents that no app confirmed.
 */
@Injectable()
export class ExpireTicketsJob implements OnModuleInit {
  #prunedAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly tickets: ConnectTicketsRepository,
    private readonly requests: AuthorizationRequestsRepository,
    private readonly consents: PendingConsentsRepository,
    private readonly progress: TicketProgress,
    private readonly metrics: ConnectMetrics,
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(EVERY_SECONDS, 'expire connect tickets', (shutdown) => this.#run(shutdown));
  }

  async #run(shutdown: AbortSignal): Promise<void> {
    let last: DuePosition | null = null;
    do {
      const due = await this.tickets.findDue(this.clock.now(), BATCH, last);
      for (const ticket of due.tickets) await this.#expire(ticket);
      ({ last } = due);
    } while (last !== null && !shutdown.aborted);
    if (this.clock.monotonicMs() - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = this.clock.monotonicMs();
    await this.tickets.prune(this.clock.now(), shutdown);
    await this.requests.prune(this.clock.now(), shutdown);
    await this.consents.prune(this.clock.now(), shutdown);
  }

  async #expire(ticket: ConnectTicket): Promise<void> {
    const { id, connectRequest, requestId } = ticket;
    const outcome = { kind: 'expired', cause: expiryCauseOf(ticket) } as const;
    // Another replica may be first, or the user at the last moment.
    const ended = await this.progress.expire(ticket, outcome);
    if (!ended) return;
    // A ticket of the user's own page: no connect has ended.
    if (connectRequest.purpose === 'manage') return;
    const { serviceId, userId, client, scopes } = connectRequest;
    this.metrics.ended({ ...endOf(outcome, connectRequest, requestId ?? ''), isWithoutBrowser: true });
    this.audit.record({
      at: this.clock.now(),
      action: 'connect.consent',
      outcome: 'expired',
      actor: 'broker',
      serviceId,
      userId,
      client,
      requestId,
      details: { asked: scopes, ticket: id, cause: outcome.cause },
    });
  }
}
