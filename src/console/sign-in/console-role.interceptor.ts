/**
 * Which role a form of the console needs. An interceptor, so that it comes after the one that records refusals: an event says who tried
 * what. Does not own who is signed in (console.guard.ts), nor who has which role (console-sessions.ts).
 */
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { BrokerError } from '../../domain/errors.js';
import { auditNoteOf } from '../../http/audit.decorator.js';
import { isActOf, personOf } from './console.guard.js';

/** The metadata of a form that viewers may send, too. */
export const EVERY_ROLE = 'console-every-role';

/** Refuses the acts of viewers. */
@Injectable()
export class ConsoleRoleInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const person = personOf(request);
    const isForEveryRole = this.reflector.get<boolean | undefined>(EVERY_ROLE, context.getHandler());
    if (!isActOf(request) || person?.role === 'operator' || isForEveryRole) return next.handle();
    const [path = ''] = request.url.split('?', 1);
    auditNoteOf(request).add({ details: { path } });
    throw new BrokerError('not_allowed', 'You may look at everything here, and change nothing.', {
      reason: 'viewer',
    });
  }
}
