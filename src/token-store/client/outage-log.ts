import { Logger } from '@nestjs/common';
import { codesOf, type DatabaseFault } from './database-error.js';

const LOOK_MS = 1000;
/** How long nothing may have failed before an outage is over, where looking never saw it: a full disk can be read. */
const QUIET_MS = 30_000;

/** Says once that the database is away and why, and once that it is back, however many calls fail in between. */
export class OutageLog {
  readonly #log = new Logger('Database');
  #timer: NodeJS.Timeout | null = null;
  #lastAt = 0;
  #isSeen = false;
  #isLooking = false;

  /** @param look whether the database cannot serve */
  constructor(private readonly look: () => Promise<DatabaseFault | null>) {}

  note(fault: DatabaseFault, error?: unknown): void {
    this.#lastAt = performance.now();
    if (this.#timer) return;
    this.#log.error(error ? { err: error, codes: codesOf(error) } : {}, fault.message);
    this.#isSeen = false;
    this.#timer = setInterval(() => void this.#lookAgain(), LOOK_MS).unref();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const began = performance.now();
    const fault = await this.look().finally(() => (this.#isLooking = false));
    if (fault) {
      this.#isSeen = true;
      this.#lastAt = performance.now();
      return;
    }
    // What failed while we looked may have failed after.
    const isQuiet = this.#isSeen ? this.#lastAt < began : performance.now() - this.#lastAt > QUIET_MS;
    if (!this.#timer || !isQuiet) return;
    this.close();
    this.#log.log('the database serves again');
  }
}
