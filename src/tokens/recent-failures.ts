import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { GoogleFailure } from '../domain/google-failure.js';
import type { Grant } from '../domain/grant.js';
import { Clock } from '../domain/ports/clock.js';

const REMEMBER_MS = 1000;
const MOST = 10_000;

/**
 * Grants whose refresh failed within the last second, so that callers who come again at once cost neither Google nor
 * the database a question. How long a grant really rests is written in its row, for all replicas (domain/rest.ts).
 */
@Injectable()
export class RecentFailures {
  readonly #failures: LRUCache<string, GoogleFailure>;

  constructor(clock: Clock) {
    const perf = { now: () => clock.now().getTime() };
    this.#failures = new LRUCache({ max: MOST, ttl: REMEMBER_MS, ttlResolution: 0, perf });
  }

  add(grant: Grant, failure: GoogleFailure): void {
    this.#failures.set(keyOf(grant), failure);
  }

  /** @throws {GoogleFailure} the last one */
  demandNone(grant: Grant): void {
    const failure = this.#failures.get(keyOf(grant));
    if (failure) throw failure;
  }
}

/** A consent or a change of scopes starts anew. */
function keyOf({ id, version }: Grant): string {
  return `${id} ${version}`;
}
