import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { GrantRequest } from '../access-tokens/token-request.js';
import { Settings } from '../config/settings.js';
import { AccessMap } from '../domain/ads/access-map.js';
import { CircularTree } from '../domain/ads/account-tree.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { AccountTreesRepository, type SyncedTree } from '../token-store/ads/account-trees.repository.js';
import { AccountTreeSync } from './account-tree-sync.js';

/** Accounts of all cached maps together; the least recently used maps are evicted. */
const MAX_CACHED_ACCOUNTS = 200_000;

export interface SyncedMap {
  readonly map: AccessMap;
  readonly syncedAt: Date;
}

/** The access map of a grant, as fresh as a caller requires: from the cache, the database, or Google. */
@Injectable()
export class AccessMapCache {
  readonly #maps = new LRUCache<string, SyncedMap>({
    maxSize: MAX_CACHED_ACCOUNTS,
    sizeCalculation: ({ map }) => 1 + map.tree.accounts.length,
  });

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly trees: AccountTreesRepository,
    private readonly tree: AccountTreeSync,
  ) {}

  /**
   * @param duringOutage whether an older tree is served while Google is unavailable
   * @throws {BrokerError} what a synchronization throws
   */
  async get(
    request: GrantRequest,
    grant: Grant,
    maxAgeSeconds: number,
    duringOutage: 'refuse' | 'serve_stale',
  ): Promise<SyncedMap> {
    // A synchronization takes dozens of requests of the project's quota: a caller must not cause one with each request.
    const freshSeconds = Math.max(maxAgeSeconds, this.settings.adsMinAge);
    const syncedAt = await this.trees.syncedAt(grant);
    const stored = syncedAt && (() => this.#stored(grant, syncedAt));
    if (stored && this.ageSeconds(syncedAt) < freshSeconds)
      return (await stored()) ?? this.refresh(request, grant);
    try {
      return await this.refresh(request, grant);
    } catch (error) {
      const isOutage = error instanceof BrokerError && error.code === 'google_unavailable';
      const stale = isOutage && duringOutage === 'serve_stale' && stored ? await stored() : null;
      if (stale) return stale;
      throw error;
    }
  }

  /** From Google, however young the cached tree is. */
  async refresh(request: GrantRequest, grant: Grant): Promise<SyncedMap> {
    return this.#cache(grant.id, await this.tree.sync(request, grant));
  }

  ageSeconds(syncedAt: Date): number {
    return Math.max(0, (this.clock.now().getTime() - syncedAt.getTime()) / 1000);
  }

  async #stored(grant: Grant, syncedAt: Date): Promise<SyncedMap | null> {
    const cached = this.#maps.get(grant.id);
    if (cached?.syncedAt.getTime() === syncedAt.getTime()) return cached;
    const stored = await this.trees.find(grant);
    try {
      return stored && this.#cache(grant.id, stored);
    } catch (error) {
      // The broker stores no such tree: the row was changed by hand. It is read from Google again.
      if (error instanceof CircularTree) return null;
      throw error;
    }
  }

  #cache(grantId: string, { tree, syncedAt }: SyncedTree): SyncedMap {
    const synced = { map: new AccessMap(tree), syncedAt };
    this.#maps.set(grantId, synced);
    return synced;
  }
}
