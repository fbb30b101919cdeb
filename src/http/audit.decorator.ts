import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuditAction, AuditDetail, AuditEntry } from '../domain/audit-entry.js';

export const AUDITED = 'audited';

export interface AuditedRoute {
  readonly action: AuditAction;
  readonly refusalsOnly: boolean;
}

/**
 * Each request to this route is an event in the audit trail; with `refusals`, each refused one only.
 * audit/audit.interceptor.ts writes the event; the handler adds facts with its `AuditNote`.
 */
export const Audited = (action: AuditAction, only?: 'refusals') =>
  SetMetadata(AUDITED, { action, refusalsOnly: only === 'refusals' } satisfies AuditedRoute);

export type AuditFacts = Partial<
  Pick<AuditEntry, 'actor' | 'outcome' | 'serviceId' | 'userId' | 'client' | 'grantId' | 'details'>
>;

/** Members of a problem that the audit repeats. A connect link is not among them: it is a credential. */
const AUDITED_MEMBERS = ['reason', 'missing_scopes', 'cause', 'google_error'];

/** The details of a refusal's event. */
export function auditedMembersOf(problem: Readonly<Record<string, unknown>>): Record<string, AuditDetail> {
  const present = AUDITED_MEMBERS.filter((name) => problem[name] !== undefined);
  const details = Object.fromEntries(present.map((name) => [name, problem[name] as AuditDetail]));
  return typeof problem['connect_url'] === 'string' ? { ...details, connect_link: true } : details;
}

/** The facts for the audit event of one request. */
export class AuditNote {
  #facts: AuditFacts | null = null;
  #omitsSuccess = false;

  /** Later facts replace earlier ones; details are merged. */
  add(facts: AuditFacts): void {
    const details = { ...this.#facts?.details, ...facts.details };
    this.#facts = { ...this.#facts, ...facts, details };
  }

  /** Writes no event for a success that changed nothing. A refusal is still written. */
  omitSuccess(): void {
    this.#omitsSuccess = true;
  }

  get omitsSuccess(): boolean {
    return this.#omitsSuccess;
  }

  /** Null when the handler added none. */
  get facts(): AuditFacts | null {
    return this.#facts;
  }
}

export function auditNoteOf(request: FastifyRequest): AuditNote {
  request.auditNote ??= new AuditNote();
  return request.auditNote;
}

/** The request's note, as a handler's parameter. */
export const Audit = createParamDecorator((_: unknown, context: ExecutionContext): AuditNote =>
  auditNoteOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
