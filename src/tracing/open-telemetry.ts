/**
 * Spans by OpenTelemetry's SDK, named by its semantic conventions, and the context that leads from one to the next. Owns what a
 * span says: methods, patterns of routes, hosts, statuses, tables. Nothing of a user, no value and no secret: so no `url.path`
 * of a request, no query, no text of a statement, no message of an error. Does not own where spans go (otlp.ts).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, RequestListener } from 'node:http';
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import { summaryOf } from './statement-summary.js';
import type { AnsweredRequest, SentRequest, SentStatement, TraceIds, Tracing } from './tracing.js';

/** Asked for every few seconds, by machines. */
const UNTRACED = /^\/(health\/|metrics($|\?))/;
/** Others are `_OTHER`: they come from callers. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);
/** Within the time that a shutdown has. */
const STOP_MS = 2000;

export class OpenTelemetry implements Tracing {
  readonly #tracer: Tracer;
  readonly #propagator = new W3CTraceContextPropagator();
  readonly #storage = new AsyncLocalStorage<Context>();
  readonly #requests = new WeakMap<IncomingMessage, Context>();

  constructor(
    private readonly provider: TracerProvider,
    version: string,
  ) {
    this.#tracer = provider.getTracer('token-broker', version);
  }

  listener(next: RequestListener): RequestListener {
    return (request, response) => {
      const { method = '', url = '', headers } = request;
      if (UNTRACED.test(url)) {
        next(request, response);
        return;
      }
      const parent = this.#propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      const known = METHODS.has(method) ? method : '_OTHER';
      const attributes = { 'http.request.method': known, 'url.scheme': 'http' };
      const name = known === '_OTHER' ? 'HTTP' : known;
      const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
      const context = trace.setSpan(parent, span);
      this.#requests.set(request, context);
      response.once('close', () => {
        span.end();
      });
      this.#storage.run(context, next, request, response);
    };
  }

  answered(request: IncomingMessage, { route, status, service }: AnsweredRequest): void {
    const span = trace.getSpan(this.#requests.get(request) ?? ROOT_CONTEXT);
    if (!span?.isRecording()) return;
    span.setAttribute('http.response.status_code', status);
    if (route !== undefined) {
      span.setAttribute('http.route', route);
      span.updateName(`${request.method ?? ''} ${route}`);
    }
    if (service !== undefined) span.setAttribute('token_broker.service', service);
    // What the caller did wrong is not an error of the server.
    if (status >= 500) fail(span, String(status));
  }

  within<T>(request: IncomingMessage, run: () => T): T {
    const context = this.#requests.get(request);
    return context ? this.#storage.run(context, run) : run();
  }

  resume<T>(traceparent: string | null, run: () => T): T {
    const context =
      traceparent === null
        ? ROOT_CONTEXT
        : this.#propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter);
    return this.#storage.run(context, run);
  }

  async sent<T extends { readonly status: number }>(
    { method, url, path, isPassedOn }: SentRequest,
    send: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    const parent = this.#storage.getStore();
    if (!parent) return send({});
    const { origin, hostname, port, protocol, pathname } = new URL(url);
    const shown = path === true ? pathname : path;
    const attributes = {
      'http.request.method': method,
      'server.address': hostname,
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      ...(shown === undefined ? {} : { 'url.full': `${origin}${shown}` }),
    };
    const name = shown === undefined ? method : `${method} ${shown}`;
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
    const context = trace.setSpan(parent, span);
    const headers: Record<string, string> = {};
    if (isPassedOn) this.#propagator.inject(context, headers, defaultTextMapSetter);
    try {
      const response = await this.#storage.run(context, send, headers);
      span.setAttribute('http.response.status_code', response.status);
      if (response.status >= 400) fail(span, String(response.status));
      return response;
    } catch (error) {
      fail(span, typeOf(error));
      throw error;
    } finally {
      span.end();
    }
  }

  statement({ name, text, host, port, database }: SentStatement): ((error?: unknown) => void) | null {
    const parent = this.#storage.getStore();
    if (!parent || !trace.getSpan(parent)?.isRecording()) return null;
    const summary = summaryOf(text);
    const attributes = {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'db.query.summary': summary,
      'server.address': host,
      'server.port': port,
    };
    const span = this.#tracer.startSpan(name ?? summary, { kind: SpanKind.CLIENT, attributes }, parent);
    return (error) => {
      if (error !== undefined) {
        const type = typeOf(error);
        span.setAttribute('db.response.status_code', type);
        fail(span, type);
      }
      span.end();
    };
  }

  traceparent(): string | null {
    const ids = this.ids();
    return ids && `00-${ids.traceId}-${ids.spanId}-${ids.isSampled ? '01' : '00'}`;
  }

  ids(): TraceIds | null {
    const context = this.#storage.getStore();
    const span = context && trace.getSpanContext(context);
    if (!span || !isSpanContextValid(span)) return null;
    const { traceId, spanId, traceFlags } = span;
    return { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
  }

  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, STOP_MS, null);
    await Promise.race([this.provider.shutdown().catch(() => null), promise]);
    clearTimeout(timer);
  }
}

/** @param type a status or a code, never a message: it can hold the request */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The code of PostgreSQL or of the connection, which outbound/ has as a cause; else the error's class. */
function typeOf(error: unknown): string {
  const { code, name, cause } = error as Partial<NodeJS.ErrnoException>;
  if (typeof code === 'string') return code;
  const { code: below } = (cause ?? {}) as { readonly code?: unknown };
  return typeof below === 'string' ? below : (name ?? 'Error');
}
