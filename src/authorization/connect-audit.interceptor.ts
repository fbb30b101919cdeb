import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, type Observable } from 'rxjs';
import { causeOfReason, type ConnectCause } from '../domain/connect/connect-cause.js';
import type { ConnectParties } from '../domain/connect/connect-end.js';
import { BrokerError } from '../domain/errors.js';
import type { ConnectStep } from '../domain/metrics/grant-metrics.js';
import { type AuditFacts, auditNoteOf } from '../http/audit.decorator.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import { PageContexts } from './page-contexts.js';

/**
 * Records why a connect route refused: in the metrics, and in the audit event of the call. The handlers record how a
 * connect ended otherwise. A refusal that belongs to no known connect is not audited: any caller can cause any number
 * of these, and there is no user to name.
 */
@Injectable()
export class ConnectAuditInterceptor implements NestInterceptor {
  constructor(
    private readonly metrics: ConnectMetrics,
    private readonly database: DatabaseHealth,
    private readonly pages: PageContexts,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    return next.handle().pipe(
      catchError(async (fault: unknown) => {
        this.#report(request, fault);
        await this.pages.prepareRefusal(request);
        throw fault;
      }),
    );
  }

  #report(request: FastifyRequest, fault: unknown): void {
    const note = auditNoteOf(request);
    const cause = this.#causeOf(request, fault);
    const outcome = fault instanceof BrokerError ? 'refused' : 'failed';
    this.metrics.step(stepOf(request), outcome);
    this.metrics.ended({
      outcome: 'refused',
      cause,
      connectRequest: partiesOf(note.facts),
      requestId: request.id,
    });
    if (note.facts || request.caller) note.add({ details: { cause } });
  }

  #causeOf({ query, body }: FastifyRequest, fault: unknown): ConnectCause {
    if (!(fault instanceof BrokerError)) {
      return this.database.isOutage(fault) ? 'database_unavailable' : 'internal_error';
    }
    const known = causeOfReason(fault.extensions['reason']) ?? causeOfReason(fault.code);
    if (known !== null && known !== 'invalid_request') return known;
    if (fault.code === 'not_allowed') return 'policy_changed';
    const hasTicket = [query, body].some(
      (from) => (from as { ticket?: unknown } | null)?.ticket !== undefined,
    );
    return fault.code === 'google_unavailable'
      ? 'keys_unavailable'
      : hasTicket
        ? 'ticket_invalid'
        : 'ticket_missing';
  }
}

/** The step that a connect route is for. */
function stepOf({ method, routeOptions: { url } }: FastifyRequest): ConnectStep {
  if (url === '/callback') return 'response';
  if (url === '/connect/completions') return 'confirm';
  return method === 'POST' ? 'google' : 'open';
}

function partiesOf(facts: AuditFacts | null): ConnectParties | null {
  const { serviceId, userId, client } = facts ?? {};
  return serviceId && userId && client ? { serviceId, userId, client } : null;
}
