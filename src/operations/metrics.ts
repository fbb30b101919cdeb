/**
 * The text of GET /metrics: what all instruments of this process read, and what Node.js itself reports, in Prometheus' format.
 * Does not own the route (metrics.controller.ts), what there is to measure (domain/metrics/) nor who counts it.
 */
import { Injectable } from '@nestjs/common';
import { Meter } from '../domain/metrics/meter.js';
import { MetricRegistry } from './metric-registry.js';

/** Collecting takes some milliseconds. Above this rate, scrapes share the last result. */
const MAX_READS_PER_SECOND = 10;

@Injectable()
export class Metrics {
  readonly #registry = new MetricRegistry();
  #source = () => this.registry.metrics();
  #text: Promise<string> | null = null;
  #second = 0;
  #reads = 0;

  constructor(private readonly meter: Meter) {
    this.#registry.addProcess();
  }

  /** With all instruments that were made until now. */
  get registry(): MetricRegistry {
    for (const instrument of this.meter.instruments) this.#registry.add(instrument);
    return this.#registry;
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
}
