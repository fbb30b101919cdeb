import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Service } from '../domain/access/policy.js';

export const IS_PUBLIC = 'public';

/** Exempts a route from the guard: every other route needs a service credential. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** Whether a credential that was verified still proves its service, as long as no service has changed. */
export interface Proof {
  isValid(now: Date): boolean;
  /** For a credential that ends by itself: whether it still proves its service after a call has waited for Google. */
  readonly stillHolds?: () => Promise<boolean>;
}

/** A service, and how it proved who it is. One object for all of its calls where it can be: caches hold it. */
export interface AuthenticatedCaller {
  readonly service: Service;
  /** When the service was read from the database, by performance.now(). */
  readonly readAt: number;
  readonly proof: Proof;
}

export function setCaller(request: FastifyRequest, { service, readAt, proof }: AuthenticatedCaller): void {
  request.caller = service;
  request.callerReadAt = readAt;
  request.callerProof = proof;
}

export function callerOf(request: FastifyRequest): Service | undefined {
  return request.caller ?? undefined;
}

/** The authenticated service, as a handler's parameter. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Service => {
  const service = callerOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!service) throw new Error('A public route has no caller.');
  return service;
});
