import type { Database } from './database.js';

/** What one input, or several, are in FROM, and what keeps their rows from being waited for. */
interface StatementPlace {
  readonly asked: (names: string) => string;
  /** That a column is the user of an input: as a value, where it is one, by which the server of the user is found. */
  readonly isUser: (column: string) => string;
  readonly skipLocked: string;
}

/**
 * Uses the inputs as a table with the given names for its columns, and one more, their place, from 1. The first column is the
 * user's id, `user_id`.
 */
export type SharedText = (place: StatementPlace) => string;

/**
 * One statement in the forms that a `StatementBatch` needs, each prepared once a connection: for one input, for several, and
 * for one that waits for a locked row. PostgreSQL should also plan it once: with arrays it expects ten elements, finds a plan
 * for the real ones cheaper, and plans again with each execution, which takes as long as the rest. So one input is a row of
 * values, and the number of several is a parameter, of which PostgreSQL expects one row.
 */
export class SharedStatement<Row extends object> {
  readonly #one: string;
  readonly #several: string;
  readonly #alone: string;
  readonly #distributed: string;

  /**
   * @param types of an input's columns
   * @param distributed the function that does the same where the tables are distributed over several servers; null: the statement does
   */
  constructor(
    private readonly database: Database,
    private readonly name: string,
    types: readonly string[],
    text: SharedText,
    private readonly distributed: string | null = null,
  ) {
    const one = types.map((type, index) => `$${index + 1}::${type}`);
    const arrays = types.map((type, index) => `$${index + 1}::${type}[]`);
    const oneOf = (names: string) => `(VALUES (${one.join(', ')}, 1)) AS asked (${names}, place)`;
    const severalOf = (names: string) =>
      `(SELECT * FROM unnest(${arrays.join(', ')}) WITH ORDINALITY LIMIT $${types.length + 1}) AS asked (${names}, place)`;
    const isFirst = (column: string) => `${column} = $1`;
    const isAsked = (column: string) => `${column} = asked.user_id`;
    this.#one = text({ asked: oneOf, isUser: isFirst, skipLocked: 'SKIP LOCKED' });
    this.#alone = text({ asked: oneOf, isUser: isFirst, skipLocked: '' });
    this.#several = text({ asked: severalOf, isUser: isAsked, skipLocked: 'SKIP LOCKED' });
    this.#distributed =
      distributed === null ? this.#alone : `SELECT ${distributed}(${one.join(', ')}) AS row`;
  }

  /** @param isAlone as in `StatementBatch` */
  run(inputs: readonly (readonly unknown[])[], isAlone: boolean): Promise<Row[]> {
    const [first = []] = inputs;
    if (this.database.isDistributed()) return this.#runEach(inputs);
    if (isAlone) return this.database.prepared(`${this.name}, alone`, this.#alone, [...first]);
    if (inputs.length === 1) return this.database.prepared(this.name, this.#one, [...first]);
    const columns = first.map((_, column) => inputs.map((input) => input[column]));
    return this.database.prepared(`${this.name}, several`, this.#several, [...columns, inputs.length]);
  }

  /** Each at the server of its user: a statement for several would be one of several servers, with a commit of two phases. */
  async #runEach(inputs: readonly (readonly unknown[])[]): Promise<Row[]> {
    const found = await Promise.all(
      inputs.map(async (input, index) => {
        const statement = {
          userId: String(input[0]),
          name: `${this.name}, distributed`,
          text: this.#distributed,
          values: [...input],
        };
        if (this.distributed === null) {
          // The worker was asked before, in another way: grants/shard-read.ts.
          const rows = await this.database.preparedAtCoordinator<Row>(statement);
          return rows.map((row) => ({ ...row, place: index + 1 }));
        }
        const changed = { ...statement, isRead: false };
        const rows = await this.database.preparedForUser<{ row: Row | null }>(changed);
        return rows.flatMap(({ row }) => row ?? []);
      }),
    );
    return found.flat();
  }
}
