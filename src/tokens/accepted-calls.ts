/**
 * Remembers which calls of GET /tokens/:userId the pipeline accepted: the credential that the guard authenticated, and the query
 * that the pipe validated, exactly as they were sent. Neither depends on the user. Owns no decision: whether the service may have the
 * user's token is asked with each call.
 */
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Settings } from '../config/settings.js';
import { cacheBound } from '../domain/cache-memory.js';
import { meterCache } from '../domain/metrics/cache-meter.js';
import { Meter } from '../domain/metrics/meter.js';
import { ChangeFeed, OF_CALLERS } from '../token-store/change-feed/change-feed.js';
import type { AuthenticatedCall } from './response-cache.js';
import type { TokenQuery } from './token.dto.js';

const MAX_CALLS = 5000;
/** Longer queries go through the pipeline, so that the number of entries limits their size. */
const MAX_QUERY = 500;

export interface AcceptedCall extends Omit<AuthenticatedCall, 'url'> {
  readonly query: TokenQuery;
}

@Injectable()
export class AcceptedCalls {
  readonly #calls: LRUCache<string, AcceptedCall> | null;
  /** By performance.now(): a service that was read earlier is not remembered. */
  #clearedAt = 0;

  constructor(
    settings: Settings,
    private readonly changes: ChangeFeed,
    meter: Meter,
  ) {
    const max = settings.cacheUsers === 0 ? 0 : MAX_CALLS;
    const dispose = meterCache(meter, 'accepted_calls', max, () => this.#calls?.size ?? 0);
    this.#calls = max === 0 ? null : new LRUCache<string, AcceptedCall>({ ...cacheBound(max), dispose });
    changes.subscribeTo(OF_CALLERS, () => {
      this.#clearedAt = performance.now();
      this.#calls?.clear();
    });
  }

  /** @param search the URL from its question mark on; empty without one */
  find(digest: string, search: string, now: Date): AcceptedCall | null {
    const call = this.#calls?.get(keyOf(digest, search));
    return call &&
      this.changes.undistributed.isValidSince(call.caller.readAt) &&
      call.caller.proof.isValid(now)
      ? call
      : null;
  }

  add({ url, digest, caller }: AuthenticatedCall, query: TokenQuery): void {
    const at = url.indexOf('?');
    const search = at < 0 ? '' : url.slice(at);
    if (search.length > MAX_QUERY || caller.readAt <= this.#clearedAt) return;
    this.#calls?.set(keyOf(digest, search), { digest, caller, query });
  }
}

function keyOf(digest: string, search: string): string {
  return `${digest} ${search}`;
}
