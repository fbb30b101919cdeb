import { codesOf, databaseFault } from './database-error.js';

/** Statements of one kind under way. What comes meanwhile waits for the next one, and shares it. */
const MAX_RUNNING = 2;
const MAX_INPUTS = 50;

/** Of one row, though its code is also that of a database that does not answer: a lock or a conflict, or the time that it took. */
const OF_A_ROW = /^(40\w{3}|55P03|57014)$/;

interface PendingInput<Input, Output> {
  readonly input: Input;
  readonly resolve: (output: Output | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * @param isAlone false: it must not wait for a row that is locked, because all others would wait with it
 * @returns one output for each input, in their order; null where nothing was done for it
 */
type RunStatement<Input, Output> = (
  inputs: readonly Input[],
  isAlone: boolean,
) => Promise<readonly (Output | null)[]>;

/**
 * One statement for what comes in the same turn of the event loop, or while such statements are under way. Nothing is decided
 * for several: the statement checks each input on its own. What it did nothing for is run again alone, and so is each input
 * of a statement that failed, unless the database is down.
 */
export class StatementBatch<Input, Output> {
  #waiting: PendingInput<Input, Output>[] = [];
  #running = 0;
  #isScheduled = false;

  /** @param isApart where inputs are of several servers: each is a statement of its own, and waits for no other */
  constructor(
    private readonly run: RunStatement<Input, Output>,
    private readonly isApart: () => boolean = () => false,
  ) {}

  /** @returns null where nothing was done */
  add(input: Input): Promise<Output | null> {
    return new Promise((resolve, reject) => {
      const pending = { input, resolve, reject };
      if (this.isApart()) {
        void this.#runAlone(pending);
        return;
      }
      this.#waiting.push(pending);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#running >= MAX_RUNNING || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const batch = this.#waiting.splice(0, MAX_INPUTS);
      this.#running++;
      void this.#runBatch(batch).finally(() => {
        this.#running--;
        this.#schedule();
      });
      this.#schedule();
    });
  }

  async #runBatch(batch: readonly PendingInput<Input, Output>[]): Promise<void> {
    try {
      const outputs = await this.run(
        batch.map(({ input }) => input),
        false,
      );
      for (const [index, waiting] of batch.entries()) {
        const output = outputs[index] ?? null;
        // Not awaited: the next batch need not wait for a row that is locked.
        if (output === null) void this.#runAlone(waiting);
        else waiting.resolve(output);
      }
    } catch (error) {
      const isOfARow =
        batch.length > 1 &&
        (databaseFault(error) === null || codesOf(error).some((code) => OF_A_ROW.test(code)));
      for (const waiting of batch) {
        // PostgreSQL undid the whole statement.
        if (isOfARow) void this.#runAlone(waiting);
        else waiting.reject(error);
      }
    }
  }

  async #runAlone({ input, resolve, reject }: PendingInput<Input, Output>): Promise<void> {
    try {
      const [output = null] = await this.run([input], true);
      resolve(output);
    } catch (error) {
      reject(error);
    }
  }
}
