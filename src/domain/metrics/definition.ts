/**
 * What a metric is: its name, type, unit, labels and help, defined once. The code counts by a definition, /metrics is written
 * from it, and so is docs/metrics.md (scripts/generate-metrics-page.mjs). Does not own the counting (instruments.ts).
 */

/**
 * The labels of a metric, each with its values: a fixed list, or, in words, a list that is short because the operator or
 * the code made it. Never what a caller or Google sends: an id, an e-mail or a scope would be a series for each user.
 */
export type Labels = Readonly<Record<string, readonly string[] | string>>;

export type LabelValues<L extends Labels> = {
  readonly [Name in keyof L]: L[Name] extends readonly (infer Value extends string)[] ? Value : string;
};

interface Described<L extends Labels> {
  readonly name: `token_broker_${string}`;
  /** A sentence, for the line HELP and for the page. */
  readonly help: string;
  readonly unit:
    | 'seconds'
    | 'calls'
    | 'events'
    | 'grants'
    | 'entries'
    | 'connections'
    | 'none'
    | (string & {});
  readonly labels: L;
  /** Where docs/ says more, relative to it. */
  readonly see?: string;
}

export interface CounterMetric<L extends Labels = Labels> extends Described<L> {
  readonly type: 'counter';
  readonly name: `token_broker_${string}_total`;
}

export interface GaugeMetric<L extends Labels = Labels> extends Described<L> {
  readonly type: 'gauge';
  /** Read from the database, and so the same on each replica and worker. */
  readonly isShared: boolean;
}

export interface HistogramMetric<L extends Labels = Labels> extends Described<L> {
  readonly type: 'histogram';
  readonly name: `token_broker_${string}_seconds`;
  /** Upper bounds of the buckets, ascending. */
  readonly buckets: readonly number[];
}

export type Metric = CounterMetric | GaugeMetric | HistogramMetric;

export function counter<const L extends Labels>(metric: Omit<CounterMetric<L>, 'type'>): CounterMetric<L> {
  return { type: 'counter', ...metric };
}

export function gauge<const L extends Labels>(
  metric: Omit<GaugeMetric<L>, 'type' | 'isShared'>,
): GaugeMetric<L> {
  return { type: 'gauge', isShared: false, ...metric };
}

export function sharedGauge<const L extends Labels>(
  metric: Omit<GaugeMetric<L>, 'type' | 'isShared'>,
): GaugeMetric<L> {
  return { type: 'gauge', isShared: true, ...metric };
}

export function histogram<const L extends Labels>(
  metric: Omit<HistogramMetric<L>, 'type'>,
): HistogramMetric<L> {
  return { type: 'histogram', ...metric };
}

/** Each combination of the values where all of them are fixed; empty where one is not. */
export function fixedCombinations<L extends Labels>(labels: L): LabelValues<L>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (typeof values === 'string') return [];
    combinations = combinations.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return combinations as LabelValues<L>[];
}
