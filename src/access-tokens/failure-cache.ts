import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { scopeKey } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import type { RefreshFailure } from './token-errors.js';

const TRANSIENT_MS = 1000;
/** For what the operator must fix first: the client, or its scopes. */
const LASTING_MS = 10_000;
const NOT_NARROWED_MS = 60_000;
const MAX_ENTRIES = 10_000;

/**
 * The latest failure of each grant, so that callers who retry at once cost neither a request to Google nor a query. The
 * backoff that all replicas share is a column of the grant's row (domain/grant/backoff.ts).
 */
@Injectable()
export class FailureCache {
  readonly #failures: LRUCache<string, GoogleFailure>;
  readonly #notNarrowed: LRUCache<string, true>;

  constructor(clock: Clock) {
    const options = { max: MAX_ENTRIES, ttlResolution: 0, perf: { now: () => clock.monotonicMs() } };
    this.#failures = new LRUCache({ ...options, ttl: TRANSIENT_MS });
    this.#notNarrowed = new LRUCache({ ...options, ttl: NOT_NARROWED_MS });
  }

  find(grant: Grant, scopes: readonly string[]): RefreshFailure | null {
    const failure = this.#failures.get(keyOf(grant));
    if (failure) return { kind: 'failed', failure };
    return this.#notNarrowed.has(`${keyOf(grant)} ${scopeKey(scopes)}`) ? { kind: 'not_narrowed' } : null;
  }

  add(grant: Grant, failure: GoogleFailure): void {
    this.#failures.set(keyOf(grant), failure, { ttl: isTransient(failure) ? TRANSIENT_MS : LASTING_MS });
  }

  addNotNarrowed(grant: Grant, scopes: readonly string[]): void {
    this.#notNarrowed.set(`${keyOf(grant)} ${scopeKey(scopes)}`, true);
  }
}

/** With the version: after a consent or a change of scopes, earlier failures do not count. */
function keyOf({ id, version }: Grant): string {
  return `${id} ${version}`;
}
