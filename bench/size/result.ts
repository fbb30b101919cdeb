/** What the measure of size finds at each size, and what it is taken with. */
import type { Filled } from './fill.js';
import type { List, Reads, Reseal, Retention } from './work.js';

/** GOOGLE_CONCURRENCY of the broker. */
export const CONCURRENCY = 100;
export const GOOGLE_MS = 200;
/** Cold reads at a time. */
export const CONNECTIONS = 32;

export interface Table {
  readonly name: string;
  /** Bytes. */
  readonly rows: number;
  readonly indexes: number;
}

/** A figure is null where its step failed. */
export interface Sized {
  readonly grants: number;
  readonly seconds: Filled['seconds'];
  readonly wal: number;
  readonly tables: readonly Table[];
  /** Milliseconds. */
  readonly vacuum: number | null;
  readonly countUnvacuumed: number | null;
  readonly count: number | null;
  readonly overview: number | null;
  readonly retention: Retention | null;
  readonly migrate: number | null;
  readonly readyAfter: number;
  readonly alone: Reads | null;
  readonly atOnce: Reads | null;
  /** Seconds of each storm. */
  readonly stormSeconds: readonly number[] | null;
  readonly list: List | null;
  readonly reseal: Reseal | null;
  readonly resealAgain: Reseal | null;
}

export interface Size {
  readonly sizes: readonly Sized[];
  /** With the indexes in place while the rows came, one after the other in a random order. */
  readonly grown: { readonly grants: number; readonly tables: readonly Table[] };
  /** Sizes that do not fit on the disk. */
  readonly leftOut: readonly number[];
  /** How many users with expired tokens a storm has. */
  readonly stormUsers: number;
}
