import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorPage } from '../../pages/error-page.js';
import { allowLogo, pageContextOf } from '../page-responses.js';
import { securityHeaders } from '../security-headers.js';
import { forwardAuthHeaders, isForwardAuth, toForwardAuthProblem } from '../server/forward-auth.js';
import { kindOf } from '../rate-limit/route-limits.js';
import { isTokenEndpoint } from '../token-endpoint.js';
import { wantsPage } from '../wants-page.js';
import { toOAuthError } from './oauth-error.js';
import type { Problem } from './problem.js';

/** The policy of a page that is sent before helmet's hook, or without it: the stylesheet and the empty icon. */
const PAGE_POLICY = "default-src 'none';style-src 'self';img-src data:;frame-ancestors 'none'";

export const PROBLEM_HEADERS = { 'content-type': 'application/problem+json; charset=utf-8' };
/** RFC 6749 section 5.1 asks for `no-store` as well, which every problem has. */
export const OAUTH_HEADERS = { pragma: 'no-cache', 'content-type': 'application/json; charset=utf-8' };

/** RFC 8935 section 2.3. */
const EVENT_REFUSAL_HEADERS = { 'content-type': 'application/json; charset=utf-8', 'content-language': 'en' };

/** Sends a problem, from Nest, Fastify or Node, with all its headers: hooks may not have set them. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
  publicUrl: string,
  fault: unknown = null,
): void {
  request.problemCode = problem.code;
  if (isForwardAuth(request)) {
    const passedOn = toForwardAuthProblem(problem);
    const headers = { ...problemHeaders(passedOn, publicUrl), ...forwardAuthHeaders(passedOn) };
    void reply.status(passedOn.status).headers({ ...headers, ...challengeOf(request, passedOn.status) });
    void reply.type('application/problem+json').send(JSON.stringify(passedOn));
    return;
  }
  void reply.status(problem.status).headers(problemHeaders(problem, publicUrl));
  if (isTokenEndpoint(request)) {
    const { status, body } = toOAuthError(problem, fault);
    void reply.status(status).headers({ ...OAUTH_HEADERS, ...challengeOf(request, status) });
    void reply.send(JSON.stringify(body));
    return;
  }
  void reply.headers(challengeOf(request, problem.status));
  if (kindOf(request) === 'security-events') {
    void reply.headers(EVENT_REFUSAL_HEADERS).send(JSON.stringify(problem));
    return;
  }
  if (!wantsPage(request)) {
    void reply.type('application/problem+json').send(JSON.stringify(problem));
    return;
  }
  if (!reply.hasHeader('content-security-policy')) void reply.header('content-security-policy', PAGE_POLICY);
  const context = pageContextOf(request);
  allowLogo(reply, context);
  void reply.type('text/html; charset=utf-8').send(errorPage(context, problem));
}

export function problemHeaders(problem: Problem, publicUrl: string): Record<string, string> {
  const retryAfter = problem['retry_after'];
  return {
    ...securityHeaders(publicUrl),
    'cache-control': 'no-store',
    'x-request-id': problem.request_id,
    ...(typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}),
  };
}

const REALM = 'realm="token-broker"';

/** @param status as it is sent: at the token endpoint, a problem that is 401 elsewhere can be 400 */
function challengeOf(request: FastifyRequest, status: number): Readonly<Record<string, string>> {
  return status === 401 ? { 'www-authenticate': challengeFor(request) } : {};
}

/**
 * RFC 6750 section 3.1: `invalid_token` says that a bearer token was sent, and is wrong. The token endpoint has it in the body,
 * and a client that authenticates itself in the header gets a challenge of the scheme that it used (RFC 6749 section 5.2).
 */
function challengeFor(request: FastifyRequest): string {
  const { authorization = '' } = request.headers;
  if (isTokenEndpoint(request))
    return /^Basic(?: |$)/i.test(authorization) ? `Basic ${REALM}` : `Bearer ${REALM}`;
  return /^Bearer +\S/i.test(authorization) ? `Bearer ${REALM}, error="invalid_token"` : `Bearer ${REALM}`;
}
