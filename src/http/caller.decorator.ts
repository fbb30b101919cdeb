import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Service } from '../domain/access/policy.js';

export const OPEN_TO_ALL = 'open-to-all';

/** Every route wants a service credential, except those that say so with this. */
export const OpenToAll = () => SetMetadata(OPEN_TO_ALL, true);

/** @param readAt when the database was asked for the service, by performance.now() */
export function setCaller(request: FastifyRequest, service: Service, readAt: number): void {
  request.caller = service;
  request.callerReadAt = readAt;
}

export function callerOf(request: FastifyRequest): Service | undefined {
  return request.caller ?? undefined;
}

/** The service that makes the call, as its credential proved. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Service => {
  const service = callerOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!service) throw new Error('A route asks for its caller but is open to all.');
  return service;
});
