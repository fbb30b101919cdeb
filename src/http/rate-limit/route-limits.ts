import type { FastifyRequest } from 'fastify';

/**
 * What a route is for, which decides its rate limit. A controller says it with `@RouteConfig`; a route that says nothing
 * is for services. A request that matches no route, a malformed URL and what is no HTTP count like refusals of these.
 */
export type RouteKind = 'service' | 'browser' | 'security-events' | 'exempt';

export const BROWSER_ROUTE = { kind: 'browser' } as const;
export const SECURITY_EVENTS_ROUTE = { kind: 'security-events' } as const;
/** Its callers present their credential in the body: who they are is known once that is read. */
export const TOKEN_ENDPOINT_ROUTE = {
  kind: 'service',
  hasCredentialInBody: true,
  maxBodyBytes: 16 * 1024,
} as const;
/** Costs next to nothing to answer. */
export const EXEMPT_ROUTE = { kind: 'exempt' } as const;

/** The configured limits, in requests a minute. */
export interface RatesPerMinute {
  readonly serviceRateLimit: number;
  readonly browserRateLimit: number;
  readonly securityEventRateLimit: number;
}

export interface Limit {
  /** Requests a minute of one service, counted once its credential is verified. */
  readonly byService: number | null;
  /** Requests a minute from one address: all of them, or those refused without a verified credential. */
  readonly byAddress: { readonly counts: 'requests' | 'unverified refusals'; readonly max: number } | null;
}

/** Every rate limit there is. */
export function limitsByKind({
  serviceRateLimit,
  browserRateLimit,
  securityEventRateLimit,
}: RatesPerMinute): Readonly<Record<RouteKind, Limit>> {
  return {
    service: {
      byService: serviceRateLimit,
      byAddress: { counts: 'unverified refusals', max: browserRateLimit },
    },
    browser: {
      byService: null,
      byAddress: { counts: 'requests', max: browserRateLimit },
    },
    // A signature verifies an event, so that junk from the same address does not block Google's events.
    'security-events': {
      byService: null,
      byAddress: { counts: 'unverified refusals', max: securityEventRateLimit },
    },
    exempt: {
      byService: null,
      byAddress: null,
    },
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    kind?: RouteKind;
    /** The longest body in bytes, where it is not that of all routes (server/body-parsers.ts). */
    maxBodyBytes?: number;
    hasCredentialInBody?: boolean;
    /** Where a browser sees a refusal instead: the address of the request holds a code (problem/problem.filter.ts). */
    refusalsAt?: string;
  }
}

export function kindOf(request: FastifyRequest): RouteKind {
  return request.routeOptions.config.kind ?? 'service';
}
