import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { UserTokenRequest } from '../access-tokens/user-tokens.js';
import { Settings } from '../config/settings.js';
import { AccessMap } from '../domain/ads/access-map.js';
import { CircularTree } from '../domain/ads/account-tree.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { AccountTreesRepository, type SyncedTree } from '../token-store/ads/account-trees.repository.js';
import { SyncAccountTree } from './sync-account-tree.js';

/** Accounts that all maps in memory hold together, at most; the least used maps go first. */
const MAX_IN_MEMORY = 200_000;

export interface SyncedMap {
  readonly map: AccessMap;
  readonly syncedAt: Date;
}

/** The access map of a grant, as fresh as a caller wants it: from memory, from the database, or from Google. */
@Injectable()
export class AccessMapCache {
  readonly #memory = new LRUCache<string, SyncedMap>({
    maxSize: MAX_IN_MEMORY,
    sizeCalculation: ({ map }) => 1 + map.tree.accounts.length,
  });

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly trees: AccountTreesRepository,
    private readonly syncTree: SyncAccountTree,
  ) {}

  /**
   * @param otherwise what to do with an older tree when Google does not answer: refuse, or make do with it
   * @throws {BrokerError} what a synchronisation can throw
   */
  async get(
    tokenRequest: UserTokenRequest,
    grant: Grant,
    maxAgeSeconds: number,
    otherwise: 'refuse' | 'make_do',
  ): Promise<SyncedMap> {
    // A synchronisation costs dozens of calls of the project's quota: no caller may cause one at each of its calls.
    const believedSeconds = Math.max(maxAgeSeconds, this.settings.adsMinAgeSeconds);
    const syncedAt = await this.trees.syncedAt(grant.id);
    const kept = syncedAt && (() => this.#kept(grant.id, syncedAt));
    if (kept && this.ageSeconds(syncedAt) < believedSeconds)
      return (await kept()) ?? this.refresh(tokenRequest, grant);
    try {
      return await this.refresh(tokenRequest, grant);
    } catch (error) {
      const isOutage = error instanceof BrokerError && error.code === 'google_unavailable';
      const old = isOutage && otherwise === 'make_do' && kept ? await kept() : null;
      if (old) return old;
      throw error;
    }
  }

  /** Asks Google, however young the tree is. */
  async refresh(tokenRequest: UserTokenRequest, grant: Grant): Promise<SyncedMap> {
    return this.#remember(grant.id, await this.syncTree.sync(tokenRequest, grant));
  }

  ageSeconds(syncedAt: Date): number {
    return Math.max(0, (this.clock.now().getTime() - syncedAt.getTime()) / 1000);
  }

  async #kept(grantId: string, syncedAt: Date): Promise<SyncedMap | null> {
    const known = this.#memory.get(grantId);
    if (known?.syncedAt.getTime() === syncedAt.getTime()) return known;
    const stored = await this.trees.find(grantId);
    try {
      return stored && this.#remember(grantId, stored);
    } catch (error) {
      // None was ever kept with a circle: somebody changed it. It is asked for again.
      if (error instanceof CircularTree) return null;
      throw error;
    }
  }

  #remember(grantId: string, { tree, syncedAt }: SyncedTree): SyncedMap {
    const synced = { map: new AccessMap(tree), syncedAt };
    this.#memory.set(grantId, synced);
    return synced;
  }
}
