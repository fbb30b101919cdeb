import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { HistogramSeries } from '../domain/metrics/instruments.js';
import type { Clock } from '../domain/ports/clock.js';
import type { AccessLog } from '../http/logging/access-log.js';
import { requestId } from '../http/logging/logger.js';
import type { RateLimits } from '../http/rate-limit/rate-limit.hook.js';
import { digestOf } from '../http/request-context.js';
import { uncachedHeaders } from '../http/security-headers.js';
import { TOKEN_ENDPOINT } from '../http/token-endpoint.js';
import { digestOfForm } from '../http/validation/form.js';
import type { AuditLog } from '../token-store/audit/audit-log.repository.js';
import type { ColdPath } from './cold-path.js';
import type { CachedResult, ResponseCache } from './response-cache.js';
import { isPlainForm, isPlainGet, readWhole } from './warm-path-requests.js';

const PATH = '/tokens/';
const ROUTE = '/tokens/:userId';
const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const NOT_CACHED = ['pragma', 'no-cache'];
interface WarmPathParts {
  readonly publicUrl: string;
  readonly responses: ResponseCache;
  readonly coldPath: Pick<ColdPath, 'serve'>;
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
  readonly #formTokenHeaders: string[];
  readonly #problemHeaders: readonly string[];
  readonly #formErrorHeaders: readonly string[];
  /** Where tokens are counted, found once. */
  readonly #tokens: HistogramSeries;
  readonly #formTokens: HistogramSeries;

  constructor(private readonly parts: WarmPathParts) {
    const common = uncachedHeaders(parts.publicUrl);
    const json = ['content-type', JSON_TYPE];
    this.#tokenHeaders = [...common, ...json, 'content-length', ''];
    this.#formTokenHeaders = [...common, ...NOT_CACHED, ...json, 'content-length', ''];
    this.#problemHeaders = [...common, 'content-type', PROBLEM_TYPE, 'x-request-id'];
    this.#formErrorHeaders = [...common, ...NOT_CACHED, ...json, 'x-request-id'];
    this.#tokens = this.#seriesOf(false, 200, null);
    this.#formTokens = this.#seriesOf(true, 200, null);
  }

  /** @param next gets the request as it came; then nothing was sent and nothing counted */
  serve(request: IncomingMessage, response: ServerResponse, next: RequestListener): void {
    const { method, url = '' } = request;
    if (method === 'GET' && url.startsWith(PATH) && isPlainGet(request)) {
      const digest = digestOf(request.headers.authorization ?? '');
      const startedAt = performance.now();
      if (!this.#answer(request, response, digest, startedAt))
        this.#serveCold(request, response, digest, startedAt, next);
    } else if (method === 'POST' && url === TOKEN_ENDPOINT && isPlainForm(request)) {
      this.#serveForm(request, response, next);
    } else next(request, response);
  }

  #serveCold(
    request: IncomingMessage,
    response: ServerResponse,
    digest: string,
    startedAt: number,
    pipeline: RequestListener,
  ): void {
    const { coldPath, clock } = this.parts;
    const sendToken = (body: string) => {
      send(response, 200, this.#tokenHeaders, body);
    };
    const next = () => {
      pipeline(request, response);
    };
    if (!coldPath.serve({ request, response, digest, now: clock.now(), startedAt, send: sendToken, next }))
      next();
  }

  /** A body that came with its headers is there in the next tick. One that comes later is Fastify's part. */
  #serveForm(request: IncomingMessage, response: ServerResponse, next: RequestListener): void {
    const startedAt = performance.now();
    process.nextTick(() => {
      const form = readWhole(request);
      if (form && this.#answer(request, response, digestOfForm(form, request.headers), startedAt)) {
        // Node releases a request once its stream has ended: by the read of the last byte, where the request is complete.
        if (!request.complete) request.resume();
        return;
      }
      // Nothing else has been read, and the stream has not ended.
      if (form) request.unshift(form);
      next(request, response);
    });
  }

  /** @returns false: nothing was sent and nothing counted */
  #answer(request: IncomingMessage, response: ServerResponse, digest: string, startedAt: number): boolean {
    const { url = '' } = request;
    const { responses, clock, audit, limits, accessLog } = this.parts;
    const now = clock.now();
    const answer = responses.find(digest, url, now);
    if (!answer) return false;
    const { service } = answer.caller;
    // Where it is over its limit, or its audit events wait, the pipeline refuses it, or lets it wait.
    if (!audit.hasCapacity(service.id) || !limits.admitKnown(service.id)) return false;
    const requestId = lazyId(request);
    this.#record(answer, now, requestId);
    const isForm = request.method === 'POST';
    const status = this.#send(answer, now, response, requestId, isForm);
    const ms = performance.now() - startedAt;
    const isQuiet = answer.kind === 'token';
    const tokens = isForm ? this.#formTokens : this.#tokens;
    const series = isQuiet ? tokens : this.#seriesOf(isForm, status, answer.code);
    const route = isForm ? TOKEN_ENDPOINT : ROUTE;
    accessLog.answered({ request, route, status, ms, service: service.name, series, isQuiet, requestId });
    return true;
  }

  #seriesOf(isForm: boolean, status: number, code: string | null): HistogramSeries {
    const route = isForm ? { method: 'POST', route: TOKEN_ENDPOINT } : { method: 'GET', route: ROUTE };
    return this.parts.accessLog.seriesOf({ ...route, status, code, source: 'memory' });
  }

  #record(answer: CachedResult, now: Date, requestId: () => string): void {
    const { audit } = this.parts;
    if (audit.repeat(answer, now)) return;
    const { facts } = answer;
    const { service } = answer.caller;
    const common = { at: now, action: 'token.issue', actor: service.name, serviceId: service.id } as const;
    const event = { ...common, requestId: requestId(), ...facts };
    if (answer.kind === 'token') audit.record({ ...event, outcome: facts.outcome ?? 'ok' }, answer);
    else audit.recordRefusal({ ...event, outcome: answer.code }, answer);
  }

  #send(
    answer: CachedResult,
    now: Date,
    response: ServerResponse,
    requestId: () => string,
    isForm: boolean,
  ): number {
    if (answer.kind === 'token') {
      const body = answer.body.at(now);
      const headers = isForm ? this.#formTokenHeaders : this.#tokenHeaders;
      send(response, 200, headers, body, body.length + answer.body.moreBytes);
      return 200;
    }
    const id = requestId();
    const body = `${answer.beforeId}${id}${answer.afterId}`;
    const headers = isForm ? this.#formErrorHeaders : this.#problemHeaders;
    send(response, answer.status, [...headers, id, 'content-length', ''], body);
    return answer.status;
  }
}

function send(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: string,
  length = Buffer.byteLength(body),
): void {
  headers[headers.length - 1] = String(length);
  response.writeHead(status, headers);
  if (unsent.length === 0) setImmediate(sendAll);
  // ASCII is the same in both, and Node writes latin1 without transcoding.
  unsent.push(() => response.end(body, length === body.length ? 'latin1' : 'utf8'));
}

/** Sent together, once what has arrived is answered: the first write wakes a caller on this machine, such as a sidecar, for the others. */
const unsent: (() => void)[] = [];

function sendAll(): void {
  for (const each of unsent.splice(0)) each();
}

function lazyId(request: IncomingMessage): () => string {
  let id: string | null = null;
  return () => (id ??= requestId(request));
}
