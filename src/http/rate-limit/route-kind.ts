import type { FastifyRequest } from 'fastify';

/**
 * What a route is for, which decides how it is limited (rate-limits.ts has the table). `exempt` is for what anybody may
 * ask as often as it likes, because answering costs next to nothing.
 */
export type RouteKind = 'service' | 'browser' | 'security-events' | 'exempt';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Services call a route that says nothing; what matches no route counts as theirs too. */
    kind?: RouteKind;
  }
}

export const EXEMPT_ROUTE = { kind: 'exempt' } as const;
export const SECURITY_EVENTS_ROUTE = { kind: 'security-events' } as const;

export function kindOf(request: FastifyRequest): RouteKind {
  return request.routeOptions.config.kind ?? 'service';
}
