import { Controller, Get, Header, Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Public } from '../http/caller.decorator.js';
import type { Access } from '../http/logging/access-log.js';
import { EXEMPT_ROUTE } from '../http/rate-limit/route-limits.js';

/** Collecting takes some milliseconds. Above this rate, scrapes share the last result. */
const MAX_READS_PER_SECOND = 10;

/** Prometheus metrics. Labels are route patterns and statuses only: never an id, an account or a scope. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly #requests = new Histogram({
    name: 'token_broker_http_request_duration_seconds',
    help: 'How long calls took, by route pattern and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers: [this.registry],
  });

  /** Separate and without labels: prom-client's label lookup would cost a noticeable part of such a call. */
  readonly #warm = new Histogram({
    name: 'token_broker_warm_answer_duration_seconds',
    help: 'How long calls took that were answered with a token from the response cache. Other series do not include them.',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1],
    registers: [this.registry],
  });

  /** For the charts of the console. */
  warmAnswers = 0;

  #source = () => this.registry.metrics();
  #text: Promise<string> | null = null;
  #second = 0;
  #reads = 0;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    // These gauges are named like counters; `promtool check metrics` refuses them.
    for (const kind of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }
  }

  /** In Prometheus's text format. The endpoint is open to all, so frequent scrapes must cost no more than rare ones. */
  read(): Promise<string> {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#reads = 0;
    }
    if (this.#text && ++this.#reads > MAX_READS_PER_SECOND) return this.#text;
    const text = this.#source();
    this.#text = text;
    return text;
  }

  /** As one of several workers: /metrics answers for all of them. */
  readFrom(source: () => Promise<string>): void {
    this.#source = source;
    this.#text = null;
  }

  recordCall({ method = '', route = '', status = 0, seconds, isCached }: Access): void {
    if (isCached) {
      this.warmAnswers++;
      this.#warm.observe(seconds);
    } else this.#requests.observe({ method, route, status }, seconds);
  }
}

@Controller('metrics')
@ApiTags('operations')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Public()
  @RouteConfig(EXEMPT_ROUTE)
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiProduces('text/plain')
  @ApiOperation({ operationId: 'getMetrics', summary: 'Metrics for Prometheus' })
  @ApiOkResponse({ schema: { type: 'string' }, description: "Prometheus's text format" })
  read(): Promise<string> {
    return this.metrics.read();
  }
}
