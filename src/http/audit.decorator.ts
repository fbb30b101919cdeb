import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuditAction, AuditEntry } from '../domain/audit-entry.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';

export const AUDITED = 'audited';

export interface AuditedRoute {
  readonly action: AuditAction;
  readonly refusalsOnly: boolean;
}

/**
 * Every call of this route is an event of the audit trail; with `refusals`, only those that were refused.
 * audit/audit.interceptor.ts writes it; the handler adds what it knows to its `AuditNote`.
 */
export const Audited = (action: AuditAction, only?: 'refusals') =>
  SetMetadata(AUDITED, { action, refusalsOnly: only === 'refusals' } satisfies AuditedRoute);

export type AuditFacts = Partial<
  Pick<AuditEntry, 'actor' | 'outcome' | 'serviceId' | 'userId' | 'client' | 'grantId' | 'details'>
>;

/** What the audit shall say of one call. */
export class AuditNote {
  #facts: AuditFacts | null = null;
  #isSilent = false;

  /** Adds what became known; later facts win. */
  add(facts: AuditFacts): void {
    const details = { ...this.#facts?.details, ...facts.details };
    this.#facts = { ...this.#facts, ...facts, details };
  }

  /** This call changed nothing. A refusal is written all the same. */
  beSilent(): void {
    this.#isSilent = true;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Null where the handler had nothing to say. */
  get facts(): AuditFacts | null {
    return this.#facts;
  }
}

export function auditNoteOf(request: FastifyRequest): AuditNote {
  request.auditNote ??= new AuditNote();
  return request.auditNote;
}

/** The note of the call. */
export const Audit = createParamDecorator((_: unknown, context: ExecutionContext): AuditNote =>
  auditNoteOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Whose connect a browser goes through. */
export function aboutConnect({ serviceId, userId, client, scopes }: ConnectRequest): AuditFacts {
  return { serviceId, userId, client, details: { asked: scopes } };
}
