/** A resource cannot be loaded: none is cached, or the cached one may be too old for this caller. */
export class ResourceUnavailable extends Error {
  override readonly name = 'ResourceUnavailable';
}

export interface CacheTimes {
  /** From this age on it is reloaded in the background. */
  readonly freshMs: number;
  /** From this age on the caller waits for that, unless the last attempt failed. */
  readonly staleMs: number;
  /** The least time between a success and the next attempt, however many callers ask. */
  readonly cooldownMs: number;
  /** The same after a failure. */
  readonly retryMs: number;
}

interface Loaded<T> {
  readonly value: T;
  readonly at: number;
}

/**
 * A cached resource that others publish (keys, a discovery document), loaded once for all callers and kept until a newer one is
 * loaded, also while its publisher is down. However many callers miss something in it, the publisher is asked once per
 * cooldown.
 */
export class CachedResource<T> {
  #loaded: Loaded<T> | null = null;
  #loading: Promise<T> | null = null;
  #attemptedAt = -Infinity;
  #failure: ResourceUnavailable | null = null;

  /**
   * @param now milliseconds
   * @param report called at the first of several failures in a row, and with null when it works again
   */
  constructor(
    private readonly load: (previous: T | null) => Promise<T>,
    private readonly now: () => number,
    private readonly times: CacheTimes,
    private readonly report: (failure: unknown) => void = () => undefined,
  ) {}

  /** @throws {ResourceUnavailable} when it never could be loaded */
  async get(): Promise<T> {
    const current = this.current();
    if (current !== null) return current;
    const loaded = this.#loaded;
    return loaded ? this.#newest().catch(() => loaded.value) : this.#newest();
  }

  /** What `get` returns where it does not wait. @returns null where it waits */
  current(): T | null {
    const loaded = this.#loaded;
    if (!loaded) return null;
    const age = this.#since(loaded.at);
    if (age < this.times.freshMs) return loaded.value;
    const isFailing = this.#failure !== null;
    if (!this.#loading && this.#mayAttempt()) void this.#start();
    return age >= this.times.staleMs && !isFailing && this.#loading ? null : loaded.value;
  }

  /**
   * For a caller that misses something in the result of `get`.
   * @throws {ResourceUnavailable} when the last attempt failed: whether it exists by now is unknown
   */
  async newest(): Promise<T> {
    return this.#newest();
  }

  #newest(): Promise<T> {
    if (this.#loading) return this.#loading;
    if (this.#mayAttempt()) return this.#start();
    if (this.#failure) return Promise.reject(this.#failure);
    // The last attempt did not fail: there is something.
    return Promise.resolve((this.#loaded as Loaded<T>).value);
  }

  #mayAttempt(): boolean {
    const { cooldownMs, retryMs } = this.times;
    return this.#since(this.#attemptedAt) >= (this.#failure ? retryMs : cooldownMs);
  }

  #start(): Promise<T> {
    this.#attemptedAt = this.now();
    const loading = this.#attempt().finally(() => (this.#loading = null));
    this.#loading = loading;
    // Waiting callers get the rejection; without them the report is enough.
    loading.catch(() => undefined);
    return loading;
  }

  async #attempt(): Promise<T> {
    try {
      const value = await this.load(this.#loaded?.value ?? null);
      this.#loaded = { value, at: this.now() };
      if (this.#failure) this.report(null);
      this.#failure = null;
      return value;
    } catch (cause) {
      const wasFailing = this.#failure !== null;
      this.#failure = new ResourceUnavailable('A resource cannot be loaded.', { cause });
      if (!wasFailing) this.report(cause);
      throw this.#failure;
    }
  }

  /** A clock that was set back must not make a cooldown last for hours. */
  #since(then: number): number {
    const elapsed = this.now() - then;
    return elapsed < 0 ? Infinity : elapsed;
  }
}
