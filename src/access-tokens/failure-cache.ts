import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { scopeKey } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';

const PASSING_MS = 1000;
/** What somebody must mend first: our client, or its scopes. */
const LASTING_MS = 10_000;
const NOT_NARROWED_MS = 60_000;
const MAX = 10_000;

/**
 * What just failed, so that callers who come again at once cost neither Google nor the database a question. How long a
 * grant really rests is written in its row, for all replicas (domain/grant/backoff.ts).
 */
@Injectable()
export class FailureCache {
  readonly #failures: LRUCache<string, GoogleFailure>;
  readonly #notNarrowed: LRUCache<string, true>;

  constructor(clock: Clock) {
    const options = { max: MAX, ttlResolution: 0, perf: { now: () => clock.monotonicMs() } };
    this.#failures = new LRUCache({ ...options, ttl: PASSING_MS });
    this.#notNarrowed = new LRUCache({ ...options, ttl: NOT_NARROWED_MS });
  }

  add(grant: Grant, failure: GoogleFailure): void {
    this.#failures.set(keyOf(grant), failure, { ttl: isTransient(failure) ? PASSING_MS : LASTING_MS });
  }

  /** @throws {GoogleFailure} the last one */
  assertNone(grant: Grant): void {
    const failure = this.#failures.get(keyOf(grant));
    if (failure) throw failure;
  }

  addNotNarrowed(grant: Grant, scopes: readonly string[]): void {
    this.#notNarrowed.set(`${keyOf(grant)} ${scopeKey(scopes)}`, true);
  }

  wasNotNarrowed(grant: Grant, scopes: readonly string[]): boolean {
    return this.#notNarrowed.has(`${keyOf(grant)} ${scopeKey(scopes)}`);
  }
}

/** A consent or a change of scopes starts anew. */
function keyOf({ id, version }: Grant): string {
  return `${id} ${version}`;
}
