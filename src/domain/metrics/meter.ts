/**
 * Makes the instruments of one process, one for each metric, and knows all of them. One Meter is made with the process, before its
 * modules, and injected like the Clock. Does not own how they are shown (operations/metrics.ts).
 */
import type { CounterMetric, GaugeMetric, HistogramMetric, Labels } from './definition.js';
import { Counter, Gauge, Histogram, type Instrument } from './instruments.js';

export class Meter {
  readonly #instruments = new Map<string, Instrument>();

  counter<L extends Labels>(metric: CounterMetric<L>): Counter<L> {
    return this.#get(metric.name, () => new Counter(metric)) as Counter<L>;
  }

  histogram<L extends Labels>(metric: HistogramMetric<L>): Histogram<L> {
    return this.#get(metric.name, () => new Histogram(metric)) as Histogram<L>;
  }

  gauge<L extends Labels>(metric: GaugeMetric<L>): Gauge<L> {
    return this.#get(metric.name, () => new Gauge(metric)) as Gauge<L>;
  }

  get instruments(): Iterable<Instrument> {
    return this.#instruments.values();
  }

  /** The same metric from two places is one instrument. */
  #get(name: string, make: () => Instrument): Instrument {
    const known = this.#instruments.get(name);
    if (known) return known;
    const made = make();
    this.#instruments.set(name, made);
    return made;
  }
}
