import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger as Log } from 'pino';
import { HTTP_REQUEST_DURATION, type TokenSource } from '../../domain/metrics/call-metrics.js';
import type { Histogram, HistogramSeries } from '../../domain/metrics/instruments.js';
import type { Meter } from '../../domain/metrics/meter.js';
import { tracing } from '../../tracing/tracing.js';
import { callerOf } from '../caller.decorator.js';
import type { ClientAddresses } from '../rate-limit/client-address.js';
import { handedOver, pathOf } from '../request-context.js';

/** Longer than the longest user id, percent-encoded: 255 characters of up to four bytes. */
const MAX_PATH = 3_200;

/** Where an operator wants to know from where a caller calls: it has no credential, no right, or sends too much. */
const ADDRESSED: ReadonlySet<number> = new Set([401, 403, 429]);

/** One answered request, for the metrics. */
interface Access {
  readonly method: string;
  /** The pattern, such as /tokens/:userId. */
  readonly route: string;
  readonly status: number;
  /** Of an error that has one. */
  readonly code: string | null;
  readonly source: TokenSource;
}

/** A request that was answered before the pipeline. */
export interface Answered {
  readonly request: IncomingMessage;
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly service: string;
  /** Where it is counted: `seriesOf`. */
  readonly series: HistogramSeries;
  /** Logged at debug: a token of the warm path. A refusal of it is not. */
  readonly isQuiet: boolean;
  /** Made only where it is shown. */
  readonly requestId: () => string;
}

/** A request that was refused before it had a route. */
export interface Refused {
  /** Undefined where so little came that there is none. */
  readonly request?: IncomingMessage | undefined;
  readonly address: string;
  readonly requestId: string;
  readonly status: number;
  readonly code: string;
  readonly ms: number;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** A fixed text or an error code. */
  readonly reason: string;
}

/**
 * Writes one line per request: service, method, path without query, status, time. Health checks have none. A token of the
 * warm path is logged at level debug only; the audit trail counts it. Measures each request, and ends its span.
 */
export class AccessLog {
  // Not through Nest's logger, which is slower: there is one line per request.
  readonly #lines: Log;
  readonly #durations: Histogram<typeof HTTP_REQUEST_DURATION.labels>;

  constructor(
    log: Log,
    private readonly addresses: ClientAddresses,
    meter: Meter,
  ) {
    this.#lines = log.child({ context: 'Access' });
    this.#durations = meter.histogram(HTTP_REQUEST_DURATION);
  }

  /** Where requests of a kind are counted. The warm path keeps those of tokens. */
  seriesOf({ method, route, status, code, source }: Access): HistogramSeries {
    const words = {
      method,
      route,
      status: String(status),
      code: code ?? (status < 400 ? 'ok' : 'none'),
      source,
    };
    return this.#durations.series(words);
  }

  register(server: FastifyInstance): void {
    server.addHook('onResponse', (request, reply, done) => {
      const { method, url, id } = request;
      const { statusCode: status } = reply;
      const begun = handedOver(request.raw);
      const ms = begun ? performance.now() - begun.startedAt : reply.elapsedTime;
      const route = request.routeOptions.url ?? 'none';
      const { problemCode: code, tokenSource: source } = request;
      this.seriesOf({ method, route, status, code, source }).observe(ms / 1000);
      const service = callerOf(request)?.name;
      const traces = tracing();
      traces?.answered(request.raw, { route: request.routeOptions.url, status, service });
      if (!route.startsWith('/health/')) {
        const line = { request_id: id, method, path: pathOf(url), status, ms: Math.round(ms), service };
        const address = this.#addressAt(status, request.raw);
        const write = () => {
          this.#lines[status >= 500 ? 'warn' : 'info']({ ...line, address });
        };
        if (traces) traces.within(request.raw, write);
        else write();
      }
      done();
    });
  }

  /** For a request that was answered before the pipeline: no hook sees it. */
  answered({ request, route, status, ms, service, series, isQuiet, requestId }: Answered): void {
    const { method = '', url = '' } = request;
    series.observe(ms / 1000);
    tracing()?.answered(request, { route, status, service });
    const level = isQuiet ? 'debug' : 'info';
    if (!this.#lines.isLevelEnabled(level)) return;
    const line = { request_id: requestId(), method, path: pathOf(url), status, ms: Math.round(ms) };
    this.#lines[level]({ ...line, service, address: this.#addressAt(status, request) });
  }

  /** For a request that no hook sees. */
  refused({ request, address, requestId, method, url, status, code, ms, reason }: Refused): void {
    const counted = { method: method ?? 'none', route: 'none', status, code, source: 'none' } as const;
    this.seriesOf(counted).observe(ms / 1000);
    if (request) tracing()?.answered(request, { status });
    const path = url === undefined ? undefined : pathOf(url).slice(0, MAX_PATH);
    const line = { request_id: requestId, method, path, status, ms: Math.round(ms), reason };
    this.#lines.info(ADDRESSED.has(status) ? { ...line, address } : line);
  }

  #addressAt(status: number, request: IncomingMessage): string | undefined {
    return ADDRESSED.has(status) ? this.addresses.of(request) : undefined;
  }
}
