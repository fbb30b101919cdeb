import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { type Observable, tap } from 'rxjs';
import type { AuditDetail, AuditEntry } from '../domain/audit-entry.js';
import { Clock } from '../domain/ports/clock.js';
import { AUDITED, type AuditedRoute, type AuditFacts, auditNoteOf } from '../http/audit.decorator.js';
import { callerOf } from '../http/caller.decorator.js';
import { Problems } from '../http/problem/problem.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';

/** What a refusal carries and the audit may repeat. A connect link is none of it: it is as good as a ticket. */
const TELLING = ['reason', 'missing_scopes', 'cause', 'google_error'];

/**
 * Writes an event for each call of a marked route. Who calls without a valid credential gets none: there is no "who",
 * and anybody could fill the trail. The access log has those calls.
 */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
    private readonly problems: Problems,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const route = this.reflector.get<AuditedRoute | undefined>(AUDITED, context.getHandler());
    if (!route) return next.handle();
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    await this.audit.room(callerOf(request)?.id ?? '');
    return next.handle().pipe(
      tap({
        next: () => {
          const { isSilent, facts } = auditNoteOf(request);
          if (route.refusalsOnly || isSilent) return;
          for (const entry of this.#entries(route, request, facts?.outcome ?? 'ok')) this.audit.record(entry);
        },
        error: (fault: unknown) => {
          const problem = this.problems.of(fault, request.id);
          const entries = this.#entries(route, request, problem.code, tellingOf(problem));
          for (const entry of entries) this.audit.recordRefusal(entry);
        },
      }),
    );
  }

  #entries(
    { action }: AuditedRoute,
    request: FastifyRequest,
    outcome: string,
    details: AuditFacts['details'] = {},
  ): AuditEntry[] {
    const note = auditNoteOf(request);
    const service = callerOf(request);
    // A browser's call says who it is about only when it belongs to a connect of ours.
    if (!service && !note.facts) return [];
    const common = {
      at: this.clock.now(),
      action,
      actor: service?.name ?? 'user',
      serviceId: service?.id ?? null,
      requestId: request.id,
    };
    return [{ ...common, ...note.facts, outcome, details: { ...note.facts?.details, ...details } }];
  }
}

function tellingOf(problem: Readonly<Record<string, unknown>>): Record<string, AuditDetail> {
  const told = TELLING.filter((name) => problem[name] !== undefined);
  const details = Object.fromEntries(told.map((name) => [name, problem[name] as AuditDetail]));
  return typeof problem['connect_url'] === 'string' ? { ...details, connect_link: true } : details;
}
