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

  /** Apart and without labels: prom-client looks labels up anew each time, which such a call would feel. */
  readonly #warm = new Histogram({
    name: 'token_broker_warm_answer_duration_seconds',
    help: 'How long calls took that were answered from memory. They are in no other series.',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    // Gauges that are named like counters: `promtool check metrics` refuses them.
    for (const kind of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }
  }

  recordCall({ method = '', route = '', status = 0, seconds, isRepeated }: Access): void {
    if (isRepeated) this.#warm.observe(seconds);
    else this.#requests.observe({ method, route, status }, seconds);
  }
}
