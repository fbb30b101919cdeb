/** Metrics of what callers ask and what the broker answers from memory. */
import { counter, gauge, histogram } from './definition.js';

/** What a token came from. */
const TOKEN_SOURCES = ['memory', 'store', 'refresh', 'none'] as const;
export type TokenSource = (typeof TOKEN_SOURCES)[number];

export const HTTP_REQUEST_DURATION = histogram({
  name: 'token_broker_http_request_duration_seconds',
  help: 'How long each call took, from its headers to its response. Its count is the number of calls.',
  unit: 'seconds',
  labels: {
    method: "HTTP's methods, `none` of what is not HTTP",
    route: 'patterns such as `/tokens/:userId`, `none` where no route matches',
    status: 'HTTP statuses',
    code: '`ok`, a code of errors.md, or `none`: an error without one',
    /** Of a token: the response cache, one that the broker had, Google. */
    source: TOKEN_SOURCES,
  },
  buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  see: 'metrics.md#calls',
});

export const RATE_LIMITED = counter({
  name: 'token_broker_rate_limited_total',
  help: 'Calls that were refused because a limit was reached, by the limit.',
  unit: 'calls',
  labels: { limit: ['service', 'address', 'browser', 'security_events'] },
  see: 'configuration.md',
});

const CACHES = ['responses', 'refusals', 'grants', 'users_without_grants', 'accepted_calls'] as const;
export type CacheName = (typeof CACHES)[number];

export const CACHE_ENTRIES = gauge({
  name: 'token_broker_cache_entries',
  help: 'Entries of a cache.',
  unit: 'entries',
  labels: { cache: CACHES },
  see: 'decisions/0016-warm-path.md',
});

export const CACHE_MAX_ENTRIES = gauge({
  name: 'token_broker_cache_max_entries',
  help: 'How many entries a cache may hold.',
  unit: 'entries',
  labels: { cache: CACHES },
  see: 'configuration.md',
});

export const CACHE_LOOKUPS = counter({
  name: 'token_broker_cache_lookups_total',
  help: 'Lookups in a cache. What hits `responses` was answered before the pipeline, refusals included.',
  unit: 'lookups',
  labels: { cache: ['responses', 'grants'], result: ['hit', 'miss'] },
});

export const CACHE_EVICTIONS = counter({
  name: 'token_broker_cache_evictions_total',
  help: 'Entries that were evicted because the cache was full.',
  unit: 'entries',
  labels: { cache: CACHES },
});
