import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Service } from '../domain/policy.js';

const callers = new WeakMap<FastifyRequest, Service>();

export const OPEN_TO_ALL = 'open-to-all';

/** Every route wants a service credential, except those that say so with this. */
export const OpenToAll = () => SetMetadata(OPEN_TO_ALL, true);

export function setCaller(request: FastifyRequest, service: Service): void {
  callers.set(request, service);
}

export function callerOf(request: FastifyRequest): Service | undefined {
  return callers.get(request);
}

/** The service that makes the call, as its credential proved. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Service => {
  const service = callerOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!service) throw new Error('A route asks for its caller but is open to all.');
  return service;
});
