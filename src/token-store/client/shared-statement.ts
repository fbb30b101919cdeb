import type { Database } from './database.js';

/** What one input, or several, are in FROM, and what keeps their rows from being waited for. */
interface Place {
  readonly asked: (names: string) => string;
  readonly skipLocked: string;
}

/** Uses the inputs as a table with the given names for its columns, and one more, their place, from 1. */
export type SharedText = (place: Place) => string;

/**
 * One statement in the forms that a `StatementBatch` needs, each prepared once a connection: for one input, for several, and
 * for one that waits for a locked row. PostgreSQL shall also plan it once: with arrays it expects ten elements, finds a plan
 * for the real ones cheaper, and plans again with each execution, which takes as long as the rest. So one input is a row of
 * values, and the number of several is a parameter, of which PostgreSQL expects one row.
 */
export class SharedStatement<Row extends object> {
  readonly #one: string;
  readonly #several: string;
  readonly #alone: string;

  /** @param types of an input's columns */
  constructor(
    private readonly database: Database,
    private readonly name: string,
    types: readonly string[],
    text: SharedText,
  ) {
    const one = types.map((type, index) => `$${index + 1}::${type}`);
    const arrays = types.map((type, index) => `$${index + 1}::${type}[]`);
    const oneOf = (names: string) => `(VALUES (${one.join(', ')}, 1)) AS asked (${names}, place)`;
    const severalOf = (names: string) =>
      `(SELECT * FROM unnest(${arrays.join(', ')}) WITH ORDINALITY LIMIT $${types.length + 1}) AS asked (${names}, place)`;
    this.#one = text({ asked: oneOf, skipLocked: 'SKIP LOCKED' });
    this.#alone = text({ asked: oneOf, skipLocked: '' });
    this.#several = text({ asked: severalOf, skipLocked: 'SKIP LOCKED' });
  }

  /** @param isAlone as in `StatementBatch` */
  run(inputs: readonly (readonly unknown[])[], isAlone: boolean): Promise<Row[]> {
    const [first = []] = inputs;
    if (isAlone) return this.database.prepared(`${this.name}, alone`, this.#alone, [...first]);
    if (inputs.length === 1) return this.database.prepared(this.name, this.#one, [...first]);
    const columns = first.map((_, column) => inputs.map((input) => input[column]));
    return this.database.prepared(`${this.name}, several`, this.#several, [...columns, inputs.length]);
  }
}
