/*
 * How caches save memory: a bound on the number of entries that allocates nothing in advance, and one copy of values that many entries
 * share. Does not own what is cached, nor for how long: each cache says so.
 */

const ONE = () => 1;

/**
 * Options of an LRU cache that holds at most `entries`. With lru-cache's own `max`, it allocates for all of them when it is
 * made: megabytes, and a noticeable part of a start, for caches that are mostly empty.
 */
export function cacheBound(entries: number): {
  readonly maxSize: number;
  readonly sizeCalculation: () => number;
} {
  return { maxSize: entries, sizeCalculation: ONE };
}

const MAX_KNOWN = 1000;

/**
 * Equal values as one object: what is the same for many users, such as the scopes of an app, is in memory once. Forgets what it knows
 * where there is too much of it; then equal values are two objects, which changes nothing but the memory.
 */
export class SharedValues {
  readonly #known = new Map<string, unknown>();

  /** @param value plain data, which nothing changes afterwards */
  of<T>(value: T): T {
    const key = JSON.stringify(value);
    const known = this.#known.get(key);
    if (known !== undefined) return known as T;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, value);
    return value;
  }
}
