/**
 * Who may open which page of the console: a session, the right role, and for forms that they come from the console's own pages.
 * Every controller of the console has it by `@ConsoleController()`.
 */
import {
  applyDecorators,
  type CallHandler,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { Settings } from '../../config/settings.js';
import { BrokerError } from '../../domain/errors.js';
import { auditNoteOf } from '../../http/audit.decorator.js';
import { Public } from '../../http/caller.decorator.js';
import { FORM_TOKEN } from '../views/layout.js';
import { ConsoleFilter, SignInNeeded } from './console.filter.js';
import { actorOf, type ConsolePerson, ConsoleSessions, isFormTokenOf } from './console-sessions.js';

const BEFORE_SIGN_IN = 'console-before-sign-in';
const EVERY_ROLE = 'console-every-role';
const people = new WeakMap<FastifyRequest, ConsolePerson>();

/** A route of the console that is open before the sign-in. */
export const BeforeSignIn = () => SetMetadata(BEFORE_SIGN_IN, true);

/** A form that viewers may send, too. Every other one is for operators. */
export const EveryRole = () => SetMetadata(EVERY_ROLE, true);

/** The person who is signed in, as a handler's parameter. */
export const Person = createParamDecorator((_: unknown, context: ExecutionContext): ConsolePerson => {
  const person = personOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!person) throw new Error('This route is open before the sign-in.');
  return person;
});

export function personOf(request: FastifyRequest): ConsolePerson | undefined {
  return people.get(request);
}

@Injectable()
class ConsoleGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly settings: Settings,
    private readonly sessions: ConsoleSessions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    setHeaders(http.getResponse<FastifyReply>());
    const isAct = isActOf(request);
    // Before anything is looked up.
    if (isAct) this.#assertOwnForm(request);
    const person = await this.sessions.find(request);
    if (person) {
      people.set(request, person);
      auditNoteOf(request).add({ actor: actorOf(person) });
    }
    const handler = context.getHandler();
    if (this.reflector.get<boolean | undefined>(BEFORE_SIGN_IN, handler)) return true;
    if (!person) throw new SignInNeeded(isAct ? null : request.url);
    if (isAct) assertOwnSession(person, request);
    return true;
  }

  /** Browsers name the origin of every form (Fetch standard, "append a request Origin header"). */
  #assertOwnForm({ headers: { origin } }: FastifyRequest): void {
    const own = this.settings.console && new URL(this.settings.console.url).origin;
    if (origin === own) return;
    throw new BrokerError(
      'invalid_request',
      `This form was not sent from the console. Open the console at ${own ?? ''} and try again.`,
      { reason: 'other_site' },
    );
  }
}

/**
 * Refuses the acts of viewers. An interceptor, so that it comes after the one that records refusals: an event says who tried
 * what.
 */
@Injectable()
class ConsoleRoleInterceptor implements NestInterceptor {
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

function isActOf({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function assertOwnSession(person: ConsolePerson, request: FastifyRequest): void {
  const form = request.body as Record<string, unknown> | null | undefined;
  if (!isFormTokenOf(person, form?.[FORM_TOKEN])) {
    throw new BrokerError(
      'invalid_request',
      'This form belongs to another session. Open the page again, and repeat what you did.',
      { reason: 'other_session' },
    );
  }
  delete form?.[FORM_TOKEN];
}

/** A form names its origin only where its page may send a Referer to its own origin. */
function setHeaders(reply: FastifyReply): void {
  void reply.headers({
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  });
}

/** A controller of the console: behind the sign-in, in no API document, its errors shown as pages of the console. */
export const ConsoleController = () =>
  applyDecorators(
    Public(),
    ApiExcludeController(),
    UseGuards(ConsoleGuard),
    UseInterceptors(ConsoleRoleInterceptor),
    UseFilters(ConsoleFilter),
  );
