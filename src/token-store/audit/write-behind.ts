const RETRY_MS = 1000;
/** Bounds the shutdown. */
const MAX_CLOSE_MS = 2000;
const BATCH = 500;

/**
 * Writes items in batches, behind their callers. Holds at most `max`, and at most a quarter of that for one owner: callers
 * wait for `waitForCapacity` first. A batch that could not be written stays, in order, and is retried.
 */
export class WriteBehind<T> {
  readonly #waiting: T[] = [];
  readonly #owners: string[] = [];
  /** When each was added, by performance.now(). */
  readonly #times: number[] = [];
  readonly #perOwner = new Map<string, number>();
  #taken = 0;
  #written = 0;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly write: (batch: readonly T[]) => Promise<void>,
    private readonly onError: (fault: unknown, waiting: number) => void,
    /** How long the first of a batch waits for others. */
    private readonly delayMs: number,
    private readonly max = 20_000,
  ) {}

  /** @param owner whose share of the capacity it takes */
  add(item: T, owner = ''): void {
    this.#waiting.push(item);
    this.#owners.push(owner);
    this.#times.push(performance.now());
    this.#perOwner.set(owner, (this.#perOwner.get(owner) ?? 0) + 1);
    this.#taken++;
    this.#writeIn(this.delayMs);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @returns how long the oldest has waited; 0 where none waits */
  get oldestMs(): number {
    const [oldest] = this.#times;
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  hasCapacity(owner = ''): boolean {
    return this.#waiting.length < this.max && (this.#perOwner.get(owner) ?? 0) < Math.ceil(this.max / 4);
  }

  async waitForCapacity(owner = ''): Promise<void> {
    if (!this.hasCapacity(owner)) await this.flush();
  }

  /** @throws what `write` threw; then nothing is lost */
  async flush(): Promise<void> {
    const goal = this.#taken;
    while (this.#written < goal) {
      this.#writing ??= this.#writeBatch().finally(() => (this.#writing = null));
      await this.#writing;
    }
  }

  /** Writes what is left, one last time. @returns what could not be written */
  async close(): Promise<readonly T[]> {
    const timedOut = new Promise<never>((_, reject) => {
      setTimeout(() => {
        reject(new Error('The store did not answer in time.'));
      }, MAX_CLOSE_MS).unref();
    });
    await Promise.race([this.flush(), timedOut]).catch((fault: unknown) => {
      this.onError(fault, this.#waiting.length);
    });
    if (this.#timer) clearTimeout(this.#timer);
    return this.#waiting;
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH);
    await this.write(batch);
    this.#waiting.splice(0, batch.length);
    this.#times.splice(0, batch.length);
    for (const owner of this.#owners.splice(0, batch.length)) {
      const left = (this.#perOwner.get(owner) ?? 0) - 1;
      if (left > 0) this.#perOwner.set(owner, left);
      else this.#perOwner.delete(owner);
    }
    this.#written += batch.length;
  }

  #writeIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.flush().catch((fault: unknown) => {
        this.onError(fault, this.#waiting.length);
        this.#writeIn(RETRY_MS);
      });
    }, ms).unref();
  }
}
