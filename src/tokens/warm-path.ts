import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../domain/ports/clock.js';
import type { AccessLog } from '../http/logging/access-log.js';
import { requestId } from '../http/logging/logger.js';
import type { RateLimits } from '../http/rate-limit/rate-limit.hook.js';
import { digestOf } from '../http/request-context.js';
import { isHost, uncachedHeaders } from '../http/security-headers.js';
import type { AuditLog } from '../token-store/audit/audit-log.repository.js';
import type { CachedAnswer, ResponseCache } from './response-cache.js';
import { serializeResponse } from './token.response.js';

/** The only route with a cache. */
const PATH = '/tokens/';
const ROUTE = '/tokens/:userId';
const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

interface WarmPathParts {
  readonly publicUrl: string;
  readonly responses: ResponseCache;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly limits: RateLimits;
  readonly accessLog: AccessLog;
}

/**
 * Answers from the response cache on Node's own request and response, before Fastify and Nest. Does what the pipeline does
 * for such a request: counts it for its service, in the audit trail, the metrics and the log, and sends the same headers.
 * Decides nothing: what is not in the cache, and what is unusual in any way, goes on to Fastify as it came.
 */
export class WarmPath {
  /** Node reads such a list within `writeHead`: the last element, the length, is set for each response. */
  readonly #tokenHeaders: string[];
  readonly #problemHeaders: readonly string[];

  constructor(private readonly parts: WarmPathParts) {
    const common = uncachedHeaders(parts.publicUrl);
    this.#tokenHeaders = [...common, 'content-type', JSON_TYPE, 'content-length', ''];
    this.#problemHeaders = [...common, 'content-type', PROBLEM_TYPE, 'x-request-id'];
  }

  /** @returns false: nothing was sent and nothing counted */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = performance.now();
    const { url = '' } = request;
    if (request.method !== 'GET' || !url.startsWith(PATH) || !isUsual(request)) return false;
    const { responses, clock, audit, limits } = this.parts;
    const now = clock.now();
    const answer = responses.find(digestOf(request.headers.authorization ?? ''), url, now);
    if (!answer) return false;
    const { service } = answer;
    // Where it is over its limit, or its audit events wait, the pipeline refuses it, or lets it wait.
    if (!audit.hasCapacity(service.id) || !limits.admitCached(service.id)) return false;
    const id = lazyId(request);
    this.#record(answer, now, id);
    const status = this.#send(answer, now, response, id);
    const ms = performance.now() - startedAt;
    this.parts.accessLog.cached({ request, route: ROUTE, status, ms, service: service.name, requestId: id });
    return true;
  }

  #record(answer: CachedAnswer, now: Date, requestId: () => string): void {
    const { audit } = this.parts;
    const { service, facts, details } = answer;
    if (audit.repeat(details, now)) return;
    const common = { at: now, action: 'token.issue', actor: service.name, serviceId: service.id } as const;
    const event = { ...common, requestId: requestId(), ...facts, details };
    if (answer.kind === 'token') audit.record({ ...event, outcome: facts.outcome ?? 'ok' });
    else audit.recordRefusal({ ...event, outcome: answer.code });
  }

  #send(answer: CachedAnswer, now: Date, response: ServerResponse, requestId: () => string): number {
    if (answer.kind === 'token') {
      const body = serializeResponse(answer.rest, answer.token, now);
      send(response, 200, this.#tokenHeaders, body);
      return 200;
    }
    const id = requestId();
    const body = `${answer.beforeId}${id}${answer.afterId}`;
    send(response, answer.status, [...this.#problemHeaders, id, 'content-length', ''], body);
    return answer.status;
  }
}

/**
 * Whether nothing in a GET request can make its answer another one than its credential and URL do: a body, an expectation,
 * no valid Host (RFC 9112 section 3.2), a browser that gets pages, or a second credential.
 */
function isUsual({ headers, rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  return (
    httpVersionMajor === 1 &&
    httpVersionMinor === 1 &&
    isHost(headers.host ?? ' ') &&
    headers.authorization !== undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined &&
    headers.upgrade === undefined &&
    !headers.accept?.includes('text/html') &&
    areSingle(rawHeaders)
  );
}

/** Node keeps the first of several. */
function areSingle(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  let credentials = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
    if (name?.length === 13 && name.toLowerCase() === 'authorization') credentials++;
  }
  return hosts === 1 && credentials === 1;
}

function send(response: ServerResponse, status: number, headers: string[], body: string): void {
  const length = Buffer.byteLength(body);
  headers[headers.length - 1] = String(length);
  response.writeHead(status, headers);
  // ASCII is the same in both, and Node writes latin1 without transcoding.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}

function lazyId(request: IncomingMessage): () => string {
  let id: string | null = null;
  return () => (id ??= requestId(request));
}
