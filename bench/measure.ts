/**
 * What a measure is: a name, its explanation for docs/performance.md, how it is taken, and the rows and plots that its
 * result becomes. Each is one file in measures/; measures.ts lists them, run.ts takes them, page/ writes them down.
 */
export interface Measure<Result> {
  /** What `npm run bench -- NAME` takes. */
  readonly name: string;
  readonly title: string;
  /** What is measured and how, in a sentence or two. */
  readonly explanation: string;
  /** Taken only where it is named. */
  readonly isLong?: boolean;
  /** @throws {LeftOut} where this machine or this version of the broker has not what it takes */
  take(databaseUrl: string, effort: Effort): Promise<Result>;
  rows(result: Result): readonly Row[];
  /** More sentences, which depend on the result. */
  notes?(result: Result): string;
  plots?(result: Result): readonly Plot[];
}

export interface Row {
  readonly measure: string;
  readonly measured: string;
  /** Null where there is none. */
  readonly goal: Goal | null;
}

export interface Goal {
  readonly text: string;
  readonly isReached: boolean;
}

export interface Plot {
  /** Of the file, without its ending. */
  readonly name: string;
  /** The text in place of the picture. */
  readonly alt: string;
  readonly svg: string;
}

export interface Effort {
  /** How often each measurement is repeated; the median counts. */
  readonly rounds: number;
  /** How long each target is loaded in each round. */
  readonly seconds: number;
  /** How long before the first: until V8 has compiled what runs often. */
  readonly warmUpSeconds: number;
  /** How many of `count` calls, users or grants: all, or a part. */
  readonly some: (count: number) => number;
  /** Sizes of the tables, for the measure of size. */
  readonly grants: readonly number[];
  /** A database at the coordinator of a Citus cluster, for the measure of distributed tables. */
  readonly citus: string | null;
}

export const FULL: Effort = {
  rounds: 5,
  seconds: 4,
  warmUpSeconds: 8,
  some: (count) => count,
  grants: [10_000, 100_000, 1_000_000, 10_000_000],
  citus: null,
};
/** Shows that each measure works. Its figures mean nothing. */
export const QUICK: Effort = {
  rounds: 1,
  seconds: 1,
  warmUpSeconds: 1,
  some: (count) => Math.ceil(count / 20),
  grants: [1000, 2000],
  citus: null,
};

/** A measure that cannot be taken here, which is no fault of the broker. */
export class LeftOut extends Error {
  override readonly name = 'LeftOut';
}

/** As precise as the figure that is shown: 0.72 is not shown as less than 0.72. */
export const atLeast = (value: number, limit: number): Goal => ({
  text: `≥ ${limit}`,
  isReached: Number(value.toFixed(2)) >= limit,
});

export const atMost = (value: number, limit: number, unit = ''): Goal => ({
  text: `≤ ${limit.toLocaleString('en-US')}${unit}`,
  isReached: Number(value.toFixed(2)) <= limit,
});

export const isTrue = (text: string, isReached: boolean): Goal => ({ text, isReached });

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : whole(value)} ms`;
/** The same, for what may take minutes. */
export const duration = (value: number): string => {
  if (value < 1000) return ms(value);
  return value < 120_000 ? `${(value / 1000).toFixed(1)} s` : `${whole(value / 60_000)} min`;
};
export const ratio = (value: number): string => value.toFixed(2);
