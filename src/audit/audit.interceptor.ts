import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { type Observable, tap } from 'rxjs';
import type { AuditEntry } from '../domain/audit-entry.js';
import { Clock } from '../domain/ports/clock.js';
import {
  AUDITED,
  auditedMembersOf,
  type AuditedRoute,
  type AuditFacts,
  auditNoteOf,
} from '../http/audit.decorator.js';
import { callerOf } from '../http/caller.decorator.js';
import { Problems } from '../http/problem/problem.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';

/**
 * Records an event for each call of a marked route. Calls without a valid credential are not recorded: there is no actor
 * to name, and anyone could fill the trail. They are in the access log. A call that is answered before the pipeline does not come
 * here: tokens/warm-path.ts and tokens/cold-path.ts record it.
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
    await this.audit.waitForCapacity(callerOf(request)?.id ?? '');
    return next.handle().pipe(
      tap({
        next: () => {
          const { omitsSuccess, facts } = auditNoteOf(request);
          if (route.refusalsOnly || omitsSuccess) return;
          for (const entry of this.#entries(route, request, facts?.outcome ?? 'ok')) this.audit.record(entry);
        },
        error: (fault: unknown) => {
          const problem = this.problems.of(fault, request.id);
          const entries = this.#entries(route, request, problem.code, auditedMembersOf(problem));
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
    // A browser's call names a user only when it belongs to a connect of the broker.
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
