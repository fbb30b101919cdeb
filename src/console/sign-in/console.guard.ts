/**
 * Who may open a page of the console: a person with a session, and for forms that they come from the console's own pages. Does not own
 * which role a form needs (console-role.interceptor.ts), how a route says so (console.decorator.ts), nor the sessions.
 */
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { BrokerError } from '../../domain/errors.js';
import { auditNoteOf } from '../../http/audit.decorator.js';
import { FORM_TOKEN } from '../views/layout.js';
import { SignInNeeded } from './console.filter.js';
import { actorOf, type ConsolePerson, ConsoleSessions, isFormTokenOf } from './console-sessions.js';

/** The metadata of a route that is open before the sign-in. */
export const BEFORE_SIGN_IN = 'console-before-sign-in';
const people = new WeakMap<FastifyRequest, ConsolePerson>();

export function personOf(request: FastifyRequest): ConsolePerson | undefined {
  return people.get(request);
}

@Injectable()
export class ConsoleGuard implements CanActivate {
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

/** Whether the request changes something: only forms do. */
export function isActOf({ method }: FastifyRequest): boolean {
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
