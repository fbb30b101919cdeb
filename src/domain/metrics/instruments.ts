/**
 * What counts: counters, histograms of durations, and gauges that are read when Prometheus asks. A series is found once and kept
 * where every call counts: prom-client's own look up their labels with each observation, a noticeable part of a call that is
 * answered from memory. Does not own what there is to count (the other files of this folder) nor the text of /metrics
 * (operations/metrics.ts).
 */
import {
  type CounterMetric,
  fixedCombinations,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type LabelValues,
  type Metric,
} from './definition.js';

/** One line of /metrics. */
export interface Sample {
  /** What is added to the name of the metric: `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Instrument {
  readonly metric: Metric;
  read(): Promise<Sample[]>;
}

/** More combinations of labels are not shown before they were counted. */
const MAX_ZEROS = 40;

/** The series of one metric, by their labels. */
class SeriesMap<L extends Labels, Series> {
  readonly #byLabels = new Map<string, readonly [LabelValues<L>, Series]>();

  constructor(
    private readonly labels: L,
    private readonly make: () => Series,
  ) {
    // With a series that is there from the start, the first event is an increase.
    const combinations = fixedCombinations(labels);
    if (combinations.length <= MAX_ZEROS) for (const each of combinations) this.of(each);
  }

  of(labels: LabelValues<L>): Series {
    let key = '';
    for (const name in this.labels) key += `${labels[name]}\n`;
    const known = this.#byLabels.get(key);
    if (known) return known[1];
    const series = this.make();
    // In the defined order.
    const own = Object.fromEntries(Object.keys(this.labels).map((name) => [name, labels[name]]));
    this.#byLabels.set(key, [own as LabelValues<L>, series]);
    return series;
  }

  get all(): Iterable<readonly [LabelValues<L>, Series]> {
    return this.#byLabels.values();
  }
}

export class CounterSeries {
  value = 0;

  add(more = 1): void {
    this.value += more;
  }
}

export class Counter<L extends Labels> implements Instrument {
  readonly #series: SeriesMap<L, CounterSeries>;
  readonly #readers: (() => Readings<L>)[] = [];

  constructor(readonly metric: CounterMetric<L>) {
    this.#series = new SeriesMap(metric.labels, () => new CounterSeries());
  }

  add(labels: LabelValues<L>, more = 1): void {
    this.#series.of(labels).add(more);
  }

  series(labels: LabelValues<L>): CounterSeries {
    return this.#series.of(labels);
  }

  /** What is counted elsewhere since the process began. */
  observeAll(read: () => Readings<L>): void {
    this.#readers.push(read);
  }

  read(): Promise<Sample[]> {
    const counted = [...this.#series.all].map(([labels, { value }]) => ({ suffix: '', labels, value }));
    const elsewhere = this.#readers.flatMap((read) => samplesOf(read()));
    return Promise.resolve([...counted, ...elsewhere]);
  }
}

/** The value of each series that exists now. */
type Readings<L extends Labels> = Iterable<readonly [LabelValues<L>, number]>;

function samplesOf<L extends Labels>(readings: Readings<L>): Sample[] {
  return [...readings].map(([labels, value]) => ({ suffix: '', labels, value }));
}

export class HistogramSeries {
  /** Of each bucket alone; the last takes what is above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(private readonly bounds: readonly number[]) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(seconds: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && seconds > (bounds[at] as number)) at++;
    counts[at] = (counts[at] as number) + 1;
    this.sum += seconds;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

export class Histogram<L extends Labels> implements Instrument {
  readonly #series: SeriesMap<L, HistogramSeries>;

  constructor(readonly metric: HistogramMetric<L>) {
    this.#series = new SeriesMap(metric.labels, () => new HistogramSeries(metric.buckets));
  }

  observe(labels: LabelValues<L>, seconds: number): void {
    this.#series.of(labels).observe(seconds);
  }

  series(labels: LabelValues<L>): HistogramSeries {
    return this.#series.of(labels);
  }

  /** How many were observed in the series that `isMeant` picks. */
  countOf(isMeant: (labels: LabelValues<L>) => boolean): number {
    let count = 0;
    for (const [labels, series] of this.#series.all) if (isMeant(labels)) count += series.count;
    return count;
  }

  read(): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (const [labels, { counts, sum }] of this.#series.all) {
      let count = 0;
      for (const [at, more] of counts.entries()) {
        count += more;
        const le = String(this.metric.buckets[at] ?? '+Inf');
        samples.push({ suffix: '_bucket', labels: { ...labels, le }, value: count });
      }
      samples.push({ suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count });
    }
    return Promise.resolve(samples);
  }
}

export class Gauge<L extends Labels> implements Instrument {
  readonly #readers: (() => Readings<L> | Promise<Readings<L>>)[] = [];

  constructor(readonly metric: GaugeMetric<L>) {}

  /** One series. */
  observe(labels: LabelValues<L>, read: () => number): void {
    this.#readers.push(() => [[labels, read()]]);
  }

  /** As many as there are when Prometheus asks. */
  observeAll(read: () => Readings<L> | Promise<Readings<L>>): void {
    this.#readers.push(read);
  }

  async read(): Promise<Sample[]> {
    const readings = await Promise.all(this.#readers.map(async (read) => samplesOf(await read())));
    return readings.flat();
  }
}
