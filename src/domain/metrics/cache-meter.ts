/**
 * What is measured of each bounded cache in the same way: entries, bound, evictions. Does not own the cache nor its lookups: those on
 * the warm path are counted where they happen.
 */
import {
  CACHE_ENTRIES,
  CACHE_EVICTIONS,
  CACHE_LOOKUPS,
  CACHE_MAX_ENTRIES,
  type CacheName,
} from './call-metrics.js';
import type { CounterSeries } from './instruments.js';
import type { Meter } from './meter.js';

/**
 * @param entries how many there are now
 * @returns for the option `dispose` of lru-cache: counts what was evicted at the limit
 */
export function meterCache(meter: Meter, cache: CacheName, max: number, entries: () => number) {
  meter.gauge(CACHE_ENTRIES).observe({ cache }, entries);
  meter.gauge(CACHE_MAX_ENTRIES).observe({ cache }, () => max);
  const evictions = meter.counter(CACHE_EVICTIONS).series({ cache });
  return (_value: unknown, _key: unknown, reason: string): void => {
    if (reason === 'evict') evictions.add();
  };
}

export function cacheLookups(
  meter: Meter,
  cache: 'responses' | 'grants',
): { readonly hits: CounterSeries; readonly misses: CounterSeries } {
  const lookups = meter.counter(CACHE_LOOKUPS);
  return {
    hits: lookups.series({ cache, result: 'hit' }),
    misses: lookups.series({ cache, result: 'miss' }),
  };
}
