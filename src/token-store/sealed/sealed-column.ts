/** What a column of sealed values is to those who go through all of them. */

/** Enough to keep the connections busy, few enough to hold in memory. */
export const BATCH = 100;

/** A sealed value in its row. */
export interface SealedValue {
  readonly sealed: string;
  readonly aad: string;
  /** Compare-and-set. @returns false when the value changed or went since it was read; then nothing is written */
  replace(sealed: string): Promise<boolean>;
}

/** Some of the values of a column. */
export interface SealedBatch<Value> {
  /** How many of them begin like all that the newest key sealed: PostgreSQL counted them. */
  readonly newest: number;
  /** May have the newest key as well. */
  readonly others: readonly Value[];
}

/** All values in the order of a key, so that concurrent inserts and deletes skip no other row. */
export interface SealedColumn {
  readonly name: string;
  /** @param newest what all values of the newest key begin with */
  batches(newest: string): AsyncIterable<SealedBatch<SealedValue>>;
  /** The same values; what is before the first dot says which key sealed one. */
  headers(newest: string): AsyncIterable<SealedBatch<string>>;
}
