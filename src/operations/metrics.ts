import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Access } from '../http/access-log.js';

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

  readonly #series = new Map<string, Histogram.Internal<string>>();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  recordCall({ method, route, status, seconds }: Access): void {
    const key = `${method} ${route} ${status}`;
    // Looking labels up costs more than counting; there are few.
    let series = this.#series.get(key);
    if (!series) this.#series.set(key, (series = this.#requests.labels({ method, route, status })));
    series.observe(seconds);
  }
}
