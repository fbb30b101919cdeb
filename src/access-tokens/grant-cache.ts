import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound, SharedValues } from '../domain/cache-memory.js';
import { Settings } from '../config/settings.js';
import { scopeKey } from '../domain/google/scopes.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import {
  type CachedGrant,
  type CachedToken,
  pack,
  type PackedGrant,
  unpack,
} from '../domain/grant/packed-grant.js';
import { refreshFrom } from '../domain/grant/token-freshness.js';
import { cacheLookups, meterCache } from '../domain/metrics/cache-meter.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { flatText } from '../domain/text.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

/** Of all users. */
const shared = new SharedValues();

/** All grants of one user under one client, dead ones included; empty where there are none. */
export class UserGrants {
  /** False once the entry was evicted: responses derived from it must not be served any more. */
  isCurrent: boolean;
  /** Grows when a refresh changes the grants: responses derived from an earlier revision must not be served. */
  revision = 0;
  #grants: readonly PackedGrant[] = [];
  /** Until they are used for the first time, which is at once: unpacking them costs a tenth of a cold read. */
  #asRead: CachedGrant[] | null = null;

  /** @param readAt when the query was sent, by performance.now() */
  constructor(
    readonly readAt: number,
    isCurrent: boolean,
  ) {
    this.isCurrent = isCurrent;
  }

  /** Objects of their own each time. */
  get grants(): CachedGrant[] {
    const grants = this.#asRead ?? this.#grants.map(unpack);
    this.#asRead = null;
    return grants;
  }

  set grants(grants: readonly CachedGrant[]) {
    this.#grants = grants.map((grant) => pack(grant, shared));
    this.#asRead = null;
    this.revision++;
  }

  /** @param grants as they were read for a caller that uses them now */
  setRead(grants: CachedGrant[]): void {
    this.grants = grants;
    this.#asRead = grants;
  }

  get isEmpty(): boolean {
    return this.#grants.length === 0;
  }
}

interface PendingRead {
  readonly user: UserGrants;
  readonly read: Promise<UserGrants>;
}

/** Users without grants. Callers can invent any number of those, and they must not evict users who have grants. */
const MAX_WITHOUT_GRANTS = 5_000;

/**
 * Users' grants with their tokens, until the change feed reports a change or an entry exceeds its maximum age. An entry
 * is set before the query is sent, so that a change during the query evicts it.
 */
@Injectable()
export class GrantCache {
  readonly #entries: LRUCache<string, UserGrants> | null;
  readonly #empty: LRUCache<string, UserGrants> | null;
  /** Users whose query is running. */
  readonly #reading = new Map<string, PendingRead>();
  readonly #lookups: ReturnType<typeof cacheLookups>;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly store: GrantsRepository,
    private readonly changes: ChangeFeed,
    meter: Meter,
  ) {
    const max = settings.cacheUsers;
    const maxEmpty = Math.min(max, MAX_WITHOUT_GRANTS);
    const ofEntries = meterCache(meter, 'grants', max, () => this.#entries?.size ?? 0);
    const ofEmpty = meterCache(meter, 'users_without_grants', maxEmpty, () => this.#empty?.size ?? 0);
    this.#lookups = cacheLookups(meter, 'grants');
    const bound = (limit: number, count: typeof ofEntries) => ({
      ...cacheBound(limit),
      dispose: (user: UserGrants, key: string, reason: string) => {
        user.isCurrent = false;
        count(user, key, reason);
      },
    });
    this.#entries = max === 0 ? null : new LRUCache(bound(max, ofEntries));
    this.#empty = max === 0 ? null : new LRUCache(bound(maxEmpty, ofEmpty));
    changes.subscribe((change) => {
      if (change.kind === 'everything') {
        this.#entries?.clear();
        this.#empty?.clear();
        for (const key of [...this.#reading.keys()]) this.#stopReading(key);
      } else if (change.kind === 'grant') this.evict(change.userId, change.client);
    });
  }

  async find(userId: string, client: string): Promise<UserGrants> {
    const readAt = performance.now();
    if (!this.changes.isUpToDate || !this.#entries) {
      return this.#read(new UserGrants(readAt, false), userId, client);
    }
    const key = keyOf(userId, client);
    const known = this.#fresh(key);
    (known ? this.#lookups.hits : this.#lookups.misses).add();
    if (known) return known;
    // From here on callers share one query.
    const user = new UserGrants(readAt, true);
    const reading: PendingRead = { user, read: this.#read(user, userId, client) };
    this.#reading.set(key, reading);
    reading.read.then(
      () => {
        this.#keep(key, reading);
      },
      () => {
        if (this.#reading.get(key) === reading) this.#stopReading(key);
      },
    );
    return reading.read;
  }

  /** After a refresh. Does nothing where the grant changed since, or is not cached. */
  update(grant: Grant, scopes: readonly string[], token: AccessToken): void {
    const user = this.#entries?.peek(keyOf(grant.userId, grant.client));
    if (!user) return;
    user.grants = user.grants.map((each) =>
      each.grant.id === grant.id &&
      each.grant.version === grant.version &&
      each.grant.refreshes < grant.refreshes
        ? { ...each, grant, tokens: new Map(each.tokens).set(scopeKey(scopes), cached(token)) }
        : each,
    );
  }

  evict(userId: string, client: string): void {
    const key = keyOf(userId, client);
    this.#entries?.delete(key);
    this.#empty?.delete(key);
    this.#stopReading(key);
  }

  /** Evicts an entry that is too old. */
  #fresh(key: string): UserGrants | Promise<UserGrants> | undefined {
    const reading = this.#reading.get(key);
    if (reading && this.changes.isValidSince(reading.user.readAt)) return reading.read;
    if (reading) this.#stopReading(key);
    for (const cache of [this.#entries, this.#empty]) {
      const user = cache?.get(key);
      if (user && this.changes.isValidSince(user.readAt)) return user;
      if (user) cache?.delete(key);
    }
    return undefined;
  }

  #stopReading(key: string): void {
    const reading = this.#reading.get(key);
    if (reading) reading.user.isCurrent = false;
    this.#reading.delete(key);
  }

  /** Does nothing where the entry was evicted during the query. */
  #keep(key: string, reading: PendingRead): void {
    if (this.#reading.get(key) !== reading) return;
    this.#reading.delete(key);
    (reading.user.isEmpty ? this.#empty : this.#entries)?.set(key, reading.user);
  }

  async #read(user: UserGrants, userId: string, client: string): Promise<UserGrants> {
    const stored = await this.store.findWithTokens(userId, client, this.clock.now());
    user.setRead(
      stored.map(({ tokens, ...grant }) => ({
        ...grant,
        tokens: new Map([...tokens].map(([key, token]) => [key, cached(token)])),
      })),
    );
    // No change is published when an operator repairs such a row, or the key ring.
    if (stored.some(({ isIntact }) => !isIntact) && user.isCurrent) this.evict(userId, client);
    return user;
  }
}

function cached(token: AccessToken): CachedToken {
  return { ...token, refreshFrom: refreshFrom(token, Math.random()) };
}

/** How a caller names a token without showing it. */
export function tokenIdOf({ token }: Pick<AccessToken, 'token'>): string {
  return hash('sha256', token.reveal()).slice(0, 16);
}

/** No user id contains a line break. */
function keyOf(userId: string, client: string): string {
  return flatText(client, '\n', userId);
}
