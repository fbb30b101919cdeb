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
