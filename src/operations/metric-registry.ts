/**
 * A registry of prom-client, which writes the text of /metrics, for the broker's own instruments and for what Node.js reports.
 * Apart from the endpoint (metrics.ts): a supervisor of workers has one, and loads nothing of Nest.
 */
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { Instrument } from '../domain/metrics/instruments.js';

/**
 * Longer than the shared figures take (store-metrics.ts), and less than a supervisor waits for its workers: one gauge that hangs with
 * the database must not take all metrics with it.
 */
const READ_TIMEOUT_MS = 600;

export class MetricRegistry extends Registry {
  /** Does nothing where it is there already. */
  add(instrument: Instrument): void {
    if (!this.getSingleMetric(instrument.metric.name)) this.registerMetric(registered(instrument));
  }

  addProcess(): void {
    collectDefaultMetrics({ register: this });
    // These gauges are named like counters; `promtool check metrics` refuses them.
    for (const kind of ['handles', 'requests', 'resources'])
      this.removeSingleMetric(`nodejs_active_${kind}_total`);
  }
}

/** As a registry reads its metrics; it says of them in its types only that they are its own. */
function registered(instrument: Instrument): Metric {
  const { name, help, type } = instrument.metric;
  const described = { name, help, type, aggregator: 'first' };
  let reading: ReturnType<Instrument['read']> | null = null;
  const get = async () => {
    // Scrapes share a read that takes long: each would wait for a connection of the pool.
    reading ??= instrument.read().finally(() => (reading = null));
    const samples = (await within(READ_TIMEOUT_MS, reading)) ?? [];
    const values = samples.map(({ suffix, labels, value }) => ({ labels, value, metricName: name + suffix }));
    return { ...described, values };
  };
  return { ...described, get } as unknown as Metric;
}

/** @returns null where it takes longer */
export function within<T>(ms: number, reading: Promise<T>): Promise<T | null> {
  const { promise: timedOut, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, ms, null);
  return Promise.race([reading, timedOut]).finally(() => {
    clearTimeout(timer);
  });
}
