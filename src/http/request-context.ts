import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Delegation } from '../domain/access/delegation.js';
import type { Service } from '../domain/access/policy.js';
import type { TokenSource } from '../domain/metrics/call-metrics.js';
import type { PageContext } from '../pages/page-context.js';
import type { AuditFacts, AuditNote } from './audit.decorator.js';
import type { Proof } from './caller.decorator.js';

/**
 * What is known of a request. One file writes and reads each property; it is declared here, so that all requests have
 * the same shape (https://fastify.dev/docs/latest/Reference/Decorators/).
 */
declare module 'fastify' {
  interface FastifyRequest {
    /** http/caller.decorator.ts */
    caller: Service | null;
    callerReadAt: number;
    callerProof: Proof | null;
    delegation: Delegation | null;
    /** setBearerToken() below: a credential that did not come in the header. */
    bodyToken: string | null;
    /** http/server/body-parsers.ts: of a body that is a form. */
    formDigest: string | null;
    /** credentialDigest() below */
    credentialDigest: string | null;
    /** http/rate-limit/rate-limit.hook.ts: the id of the service that the request counts for. */
    countedFor: string | null;
    /** http/audit.decorator.ts */
    auditNote: AuditNote | null;
    /** http/page-responses.ts: of the page of a refusal. */
    pageContext: PageContext | null;
    /** For the metrics: of the problem that was sent (http/problem/), and what a token came from (tokens/token-issuer.ts). */
    problemCode: string | null;
    tokenSource: TokenSource;
  }
}

/** Declared before the first request, so that all requests have the same hidden class in V8. Typed, so that no name is misspelt. */
const INITIAL = {
  caller: null,
  callerReadAt: 0,
  callerProof: null,
  delegation: null,
  bodyToken: null,
  formDigest: null,
  credentialDigest: null,
  countedFor: null,
  auditNote: null,
  pageContext: null,
  problemCode: null,
  tokenSource: 'none',
} satisfies Partial<FastifyRequest>;

export function decorateRequests(server: FastifyInstance): void {
  for (const [name, value] of Object.entries<unknown>(INITIAL)) server.decorateRequest(name, value);
}

/** @returns a signal that is aborted when the caller disconnects before the response is sent; for requests that wait */
export function disconnectSignal({ raw }: Pick<FastifyReply, 'raw'>): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    if (!raw.writableFinished) controller.abort();
  };
  if (raw.destroyed || raw.closed) abort();
  else raw.once('close', abort);
  return controller.signal;
}

/** The request target may have a scheme and a host (RFC 9112 section 3.2.2). */
export function pathOf(url: string): string {
  const [path = ''] = url.split('?', 1);
  return /^https?:/i.test(path) && URL.canParse(path) ? new URL(path).pathname : path;
}

/** A credential that came in the body, in the place of one in the header (RFC 8693 section 2.1). */
export function setBearerToken(request: FastifyRequest, token: string): void {
  request.bodyToken = token;
  request.credentialDigest = null;
}

/** A request that was begun before the pipeline (tokens/cold-path.ts) and failed: the pipeline answers with this error. */
interface HandedOver {
  readonly error: unknown;
  readonly facts: AuditFacts | null;
  readonly requestId: string;
  /** The service that it was counted for. */
  readonly countedFor: string;
  /** By performance.now(). */
  readonly startedAt: number;
}

const handedOverRequests = new WeakMap<IncomingMessage, HandedOver>();

export function handOver(request: IncomingMessage, begun: HandedOver): void {
  handedOverRequests.set(request, begun);
}

/** Undefined for nearly every request. */
export function handedOver(request: IncomingMessage): HandedOver | undefined {
  return handedOverRequests.get(request);
}

/** The key of a credential in caches and counters. @returns undefined without a credential */
export function credentialDigest(request: FastifyRequest): string | undefined {
  const { bodyToken, headers } = request;
  const authorization = bodyToken === null ? headers.authorization : `Bearer ${bodyToken}`;
  if (authorization === undefined) return undefined;
  request.credentialDigest ??= digestOf(authorization);
  return request.credentialDigest;
}

/** Of a whole Authorization header, exactly as it was sent. */
export function digestOf(authorization: string): string {
  return hash('sha256', authorization, 'base64url');
}

/** The bearer token (RFC 6750 section 2.1). @returns an empty string without one */
export function bearerToken({ bodyToken, headers }: FastifyRequest): string {
  return bodyToken ?? /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}
