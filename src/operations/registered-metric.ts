/** An instrument as a registry of prom-client reads it, which writes the text of /metrics. Apart: a supervisor loads nothing of Nest. */
import type { Metric } from 'prom-client';
import type { Instrument } from '../domain/metrics/instruments.js';

/** As a registry of prom-client reads its metrics; it says of them in its types only that they are its own. */
export function registered(instrument: Instrument): Metric {
  const { name, help, type } = instrument.metric;
  const described = { name, help, type, aggregator: 'first' };
  const get = async () => {
    const samples = await instrument.read();
    const values = samples.map(({ suffix, labels, value }) => ({ labels, value, metricName: name + suffix }));
    return { ...described, values };
  };
  return { ...described, get } as unknown as Metric;
}
