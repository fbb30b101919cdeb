const RETRY_MS = 1000;
/** Bounds the shutdown. */
const MAX_CLOSE_MS = 2000;
const BATCH = 500;

/** A part of a batch could not be written, perhaps all of it; others need not wait for it. */
export class PartlyWritten extends Error {
  override readonly name = 'PartlyWritten';

  /** @param failed the places in the batch, from 0 */
  constructor(
    readonly failed: ReadonlySet<number>,
    cause: unknown,
  ) {
    super('a part of the batch could not be written', { cause });
  }
}

/** What could not be written of earlier batches is tried again. */
export interface Retry {
  /** By performance.now(). */
  readonly startedAt: number;
  /** Whether a caller waits for it. Otherwise it is due. */
  readonly isAsked: boolean;
}

interface Waiting<T> {
  readonly item: T;
  readonly owner: string;
  /** By performance.now(). */
  readonly addedAt: number;
}

/**
 * Writes items in batches, behind their callers. Holds at most `max`, and at most a quarter of that for one owner: callers
 * wait for `waitForCapacity` first. A batch that could not be written stays, in order, and is retried. A part of
 * a batch that could not be is retried apart, so that nothing waits behind it.
 */
export class WriteBehind<T> {
  readonly #waiting: Waiting<T>[] = [];
  #refused: Waiting<T>[] = [];
  /** Why. */
  #fault: unknown = null;
  #retriedAt = 0;
  readonly #perOwner = new Map<string, number>();
  #isFailing = false;
  #taken = 0;
  #tried = 0;
  #writing: Promise<void> | null = null;
  #retrying: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    /** @throws {PartlyWritten} where what comes later may be written all the same */
    private readonly write: (batch: readonly T[], retry: Retry | null) => Promise<void>,
    private readonly onError: (fault: unknown, waiting: number) => void,
    /** How long the first of a batch waits for others. */
    private readonly delayMs: number,
    private readonly max = 20_000,
  ) {}

  /** @param owner whose share of the capacity it takes */
  add(item: T, owner = ''): void {
    this.#waiting.push({ item, owner, addedAt: performance.now() });
    this.#perOwner.set(owner, (this.#perOwner.get(owner) ?? 0) + 1);
    this.#taken++;
    this.#writeIn(this.delayMs);
  }

  get waiting(): number {
    return this.#waiting.length + this.#refused.length;
  }

  /** Whether what could not be written waits to be retried apart. */
  get hasRefused(): boolean {
    return this.#refused.length > 0;
  }

  /** Whether `onError` was called since all that was tried is written. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** @returns how long the oldest has waited; 0 where none waits */
  get oldestMs(): number {
    const oldest = [this.#refused[0], this.#waiting[0]].map((each) => each?.addedAt ?? Infinity);
    return Math.max(0, performance.now() - Math.min(...oldest));
  }

  hasCapacity(owner = ''): boolean {
    return this.waiting < this.max && (this.#perOwner.get(owner) ?? 0) < Math.ceil(this.max / 4);
  }

  async waitForCapacity(owner = ''): Promise<void> {
    if (this.hasCapacity(owner)) return;
    await this.#writeDue().catch((fault: unknown) => {
      if (!this.hasCapacity(owner)) throw fault;
    });
  }

  /**
   * @param isOwn what the caller waits for: that other items could not be written does not concern it
   * @throws what `write` threw; then nothing is lost
   */
  async flush(isOwn: (item: T) => boolean = () => true): Promise<void> {
    await this.#writeWaiting();
    const isLeft = () => this.#refused.some(({ item }) => isOwn(item));
    // One that runs may have begun before, or may leave out what need not be tried yet.
    if (isLeft()) await this.#retrying;
    if (isLeft()) await this.#retry(true);
    if (isLeft()) throw this.#fault;
  }

  /** Writes what is left, one last time. @returns what could not be written */
  async close(): Promise<readonly T[]> {
    const timedOut = new Promise<never>((_, reject) => {
      setTimeout(() => {
        reject(new Error('The store did not answer in time.'));
      }, MAX_CLOSE_MS).unref();
    });
    await Promise.race([this.flush(), timedOut]).catch((fault: unknown) => {
      this.#report(fault);
    });
    if (this.#timer) clearTimeout(this.#timer);
    return [...this.#refused, ...this.#waiting].map(({ item }) => item);
  }

  async #writeWaiting(): Promise<void> {
    const goal = this.#taken;
    while (this.#tried < goal) {
      this.#writing ??= this.#writeBatch().finally(() => (this.#writing = null));
      await this.#writing;
    }
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH);
    const refused = await this.#refusedOf(batch, null);
    this.#waiting.splice(0, batch.length);
    if (!this.hasRefused) this.#retriedAt = performance.now();
    this.#refused.push(...refused);
    this.#tried += batch.length;
    if (!this.hasRefused) this.#isFailing = false;
  }

  #retry(isAsked: boolean): Promise<void> {
    this.#retrying ??= this.#retryAll({ startedAt: performance.now(), isAsked }).finally(() => {
      this.#retriedAt = performance.now();
      this.#retrying = null;
    });
    return this.#retrying;
  }

  /** A batch of which nothing can be written does not keep the next from being tried. */
  async #retryAll(retry: Retry): Promise<void> {
    const all = this.#refused;
    for (let start = 0; start < all.length; start += BATCH) {
      const batch = all.slice(start, start + BATCH);
      const refused = await this.#refusedOf(batch, retry).catch((fault: unknown) => {
        this.#fault = fault;
        return batch;
      });
      const written = new Set(batch);
      for (const each of refused) written.delete(each);
      this.#refused = this.#refused.filter((each) => !written.has(each));
    }
    if (!this.hasRefused) this.#isFailing = false;
  }

  /** Writes a batch. @returns what could not be written of it */
  async #refusedOf(batch: readonly Waiting<T>[], retry: Retry | null): Promise<readonly Waiting<T>[]> {
    let failed: ReadonlySet<number> = new Set();
    try {
      const items = batch.map(({ item }) => item);
      await this.write(items, retry);
    } catch (fault) {
      if (!(fault instanceof PartlyWritten)) throw fault;
      this.#fault = fault.cause;
      ({ failed } = fault);
    }
    for (const [place, { owner }] of batch.entries()) {
      if (failed.has(place)) continue;
      const left = (this.#perOwner.get(owner) ?? 0) - 1;
      if (left > 0) this.#perOwner.set(owner, left);
      else this.#perOwner.delete(owner);
    }
    return batch.filter((_, place) => failed.has(place));
  }

  async #writeDue(): Promise<void> {
    await this.#writeWaiting();
    if (this.hasRefused && performance.now() - this.#retriedAt >= RETRY_MS) await this.#retry(false);
    if (this.hasRefused) throw this.#fault;
  }

  #report(fault: unknown): void {
    this.onError(fault, this.waiting);
    this.#isFailing = true;
  }

  #writeIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#writeDue().catch((fault: unknown) => {
        this.#report(fault);
        this.#writeIn(RETRY_MS);
      });
    }, ms).unref();
  }
}
