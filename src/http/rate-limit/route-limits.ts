/**
 * Every rate limit there is, by route. Owns which routes share a limit, what counts for it, which setting it is and how the metric names
 * it. Does not own the counting (rate-limit.hook.ts), the numbers (the settings), nor who may call (services/service-auth.guard.ts).
 */
import type { FastifyRequest } from 'fastify';
import type { RATE_LIMITED } from '../../domain/metrics/call-metrics.js';

/** The configured limits, in requests a minute. */
export interface RatesPerMinute {
  readonly serviceRateLimit: number;
  readonly browserRateLimit: number;
  /** Of one address without a verified credential; `BROWSER_RATE_LIMIT` too. */
  readonly refusalRateLimit: number;
  readonly securityEventRateLimit: number;
}

interface Limit {
  /** Its label in the metric. */
  readonly name: (typeof RATE_LIMITED.labels.limit)[number];
  readonly max: keyof RatesPerMinute;
}

/** For each address: all its requests, or those refused without a verified credential. */
export interface AddressLimit extends Limit {
  readonly counts: 'requests' | 'unverified refusals';
}

interface RouteLimits {
  /** As the router has them, for every method; at the end, `*` stands for the rest of the path. A route is in one row. */
  readonly routes: readonly string[];
  /** For each service, once its credential is verified; one count for all routes that have it. */
  readonly byService: Limit | null;
  readonly byAddress: AddressLimit | null;
}

export type RouteKind = 'service' | 'browser' | 'security-events' | 'exempt';

export const SERVICE_LIMIT = { name: 'service', max: 'serviceRateLimit' } as const satisfies Limit;

export const ROUTE_LIMITS: Readonly<Record<RouteKind, RouteLimits>> = {
  service: {
    routes: [
      '/tokens/:userId',
      '/authz',
      '/oauth2/token',
      '/users/:userId',
      '/users/:userId/grants',
      '/users/:userId/ads/customers',
      '/grants',
      '/grants/:id',
      '/grants/import',
      '/connect/tickets',
      '/connect/tickets/:id',
      '/connect/completions',
      '/services/self/credentials',
      '/services/self/credentials/:id',
      '/audit',
      '/audit/export',
    ],
    byService: SERVICE_LIMIT,
    byAddress: { name: 'address', max: 'refusalRateLimit', counts: 'unverified refusals' },
  },
  browser: {
    routes: [
      '/connect',
      '/connect/result',
      '/callback',
      '/me/grants',
      '/me/grants/reconnect',
      '/me/grants/disconnect',
      '/logos/:hash',
      '/docs',
      '/docs/*',
      '/console',
      '/console/*',
    ],
    byService: null,
    byAddress: { name: 'browser', max: 'browserRateLimit', counts: 'requests' },
  },
  // A signature verifies an event, so that junk from the same address does not block Google's events.
  'security-events': {
    routes: ['/security-events/google'],
    byService: null,
    byAddress: { name: 'security_events', max: 'securityEventRateLimit', counts: 'unverified refusals' },
  },
  // These cost next to nothing to answer.
  exempt: {
    routes: [
      '/health/live',
      '/health/ready',
      '/metrics',
      '/openapi.json',
      '/style.css',
      '/.well-known/oauth-authorization-server',
    ],
    byService: null,
    byAddress: null,
  },
};

/** What matches no route counts like a refusal of these: an unknown path, another method, a malformed URL, what is not HTTP. */
export const WITHOUT_ROUTE: RouteKind = 'service';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its row of the table, found once: when the route is registered. */
    kind?: RouteKind;
  }
}

/**
 * @param url of a route, as the router has it
 * @throws {Error} the table has no row for it, or two: every route says here what it counts for
 */
export function kindOfRoute(url: string): RouteKind {
  const kinds = (Object.keys(ROUTE_LIMITS) as RouteKind[]).filter((kind) =>
    ROUTE_LIMITS[kind].routes.some((route) => covers(route, url)),
  );
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new Error(`The route ${url} must be in one row of http/rate-limit/route-limits.ts.`);
  }
  return kind;
}

/** @param route of the table */
export function covers(route: string, url: string): boolean {
  return route.endsWith('*') ? url.startsWith(route.slice(0, -1)) : url === route;
}

export function kindOf(request: FastifyRequest): RouteKind {
  return request.routeOptions.config.kind ?? WITHOUT_ROUTE;
}
