import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Problem } from '../problem/problem.js';

/**
 * The route that a proxy asks about a request that it holds: nginx with auth_request, Traefik with forwardAuth, Envoy with
 * ext_authz. This file owns what these need of HTTP: one method and path for the router, and refusals that each of them can
 * pass on. It does not own what the route answers: tokens/authz.controller.ts.
 */
export const FORWARD_AUTH_ROUTE = { isForwardAuth: true } as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A proxy reads the responses. */
    isForwardAuth?: boolean;
  }
}

const PATH = '/authz';
/** Envoy puts its path_prefix before the path of the request that it holds. */
const PREFIX = `${PATH}/`;
/** Requests that came with the prefix. Nest's middleware overwrites `originalUrl`. */
const prefixed = new WeakSet<IncomingMessage>();

/**
 * The URL for the router. Method, path, query and body of the request belong to the one that the proxy holds: none decides
 * anything, or is read. Every method is GET from here on, so that no proxy takes the 204 of an OPTIONS for permission.
 */
export function rewriteForwardAuth(request: IncomingMessage): string {
  const { url = '' } = request;
  if (!url.startsWith(PATH)) return url;
  const hasPrefix = url.startsWith(PREFIX);
  if (!hasPrefix && url !== PATH && !url.startsWith(`${PATH}?`)) return url;
  request.method = 'GET';
  if (!hasPrefix) return url;
  prefixed.add(request);
  return PATH;
}

/** Whether the path of the proxied request follows the prefix, as Envoy sends it. Then Host is that request's as well. */
export function isPrefixed({ raw }: FastifyRequest): boolean {
  return prefixed.has(raw);
}

export function isForwardAuth({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.isForwardAuth ?? false;
}

/** One header line of a proxy's buffer, which begins at 4 KiB. */
const MAX_PROBLEM_HEADER = 3000;

/**
 * A refusal as all three proxies pass it on. nginx knows 401 and 403, and makes 500 of anything else; Envoy takes 5xx for a
 * failure of the broker. So what someone must remedy is 403; what a caller can try again keeps its status.
 */
export function toForwardAuthProblem(problem: Problem): Problem {
  const { status } = problem;
  return status === 401 || status === 429 || status >= 500 ? problem : { ...problem, status: 403 };
}

/** The body of a refusal as headers: nginx drops the body of a subrequest's response. */
export function forwardAuthHeaders(problem: Problem): Record<string, string> {
  const { type, status, title, code, detail, request_id } = problem;
  const whole = toHeader(problem);
  const link = problem['connect_url'];
  return {
    'x-token-broker-code': code,
    'x-token-broker-problem':
      whole.length <= MAX_PROBLEM_HEADER
        ? whole
        : toHeader({ type, status, title, code, detail: detail.slice(0, MAX_DETAIL), request_id }),
    ...(typeof link === 'string' ? { 'x-token-broker-connect-url': link } : {}),
  };
}

const MAX_DETAIL = 300;

/** JSON in ASCII without control characters, as header values are (RFC 9110 section 5.5). */
function toHeader(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[^\u0020-\u007e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
