import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../domain/cache-bound.js';
import { Settings } from '../config/settings.js';
import { scopeKey } from '../domain/google/scopes.js';
import type { GrantWithTokens } from '../domain/grant/consent.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { renewFrom } from '../domain/grant/token-freshness.js';
import { cacheLookups, meterCache } from '../domain/metrics/cache-meter.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

export interface CachedToken extends AccessToken {
  /** From then on it is refreshed in the background. */
  readonly renewFrom: Date;
}

export interface CachedGrant {
  readonly grant: Grant;
  readonly tokens: ReadonlyMap<string, CachedToken>;
  readonly isIntact: boolean;
}

/** All grants of one user under one client, dead ones included; empty where there are none. */
export interface UserGrants {
  grants: readonly CachedGrant[];
  /** False once the entry was evicted: responses derived from it must not be served any more. */
  isCurrent: boolean;
  /** When the query was sent, by performance.now(). */
  readonly readAt: number;
}

interface Entry {
  readonly user: UserGrants;
  readonly read: Promise<UserGrants>;
  /** Whether it moves from one cache to the other: then it stays current. */
  isMoving: boolean;
}

/** Users without grants. Callers can invent any number of those, and they must not evict users who have grants. */
const MAX_WITHOUT_GRANTS = 5_000;

/**
 * Users' grants with their tokens, until the change feed reports a change or an entry exceeds its maximum age. An entry
 * is set before the query is sent, so that a change during the query evicts it.
 */
@Injectable()
export class GrantCache {
  readonly #entries: LRUCache<string, Entry> | null;
  /** Users that are being read, and users without grants. */
  readonly #empty: LRUCache<string, Entry> | null;
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
      dispose: (entry: Entry, key: string, reason: string) => {
        if (!entry.isMoving) entry.user.isCurrent = false;
        count(entry, key, reason);
      },
    });
    this.#entries = max === 0 ? null : new LRUCache(bound(max, ofEntries));
    this.#empty = max === 0 ? null : new LRUCache(bound(maxEmpty, ofEmpty));
    changes.subscribe((change) => {
      if (change.kind === 'everything') {
        this.#entries?.clear();
        this.#empty?.clear();
      } else if (change.kind === 'grant') this.evict(change.userId, change.client);
    });
  }

  async find(userId: string, client: string): Promise<UserGrants> {
    const readAt = performance.now();
    if (!this.changes.isUpToDate || !this.#entries) {
      return this.#read({ grants: [], isCurrent: false, readAt }, userId, client);
    }
    const key = keyOf(userId, client);
    const known = this.#fresh(key);
    (known ? this.#lookups.hits : this.#lookups.misses).add();
    if (known) return known.read;
    // From here on callers share one query.
    const user: UserGrants = { grants: [], isCurrent: true, readAt };
    const entry: Entry = { user, read: this.#read(user, userId, client), isMoving: false };
    this.#empty?.set(key, entry);
    entry.read.then(
      () => {
        if (user.grants.length > 0) this.#move(key, entry);
      },
      () => {
        if (user.isCurrent) this.#empty?.delete(key);
      },
    );
    return entry.read;
  }

  /** After a refresh. Does nothing where the grant changed since, or is not cached. */
  update(grant: Grant, scopes: readonly string[], token: AccessToken): void {
    const user = this.#entries?.peek(keyOf(grant.userId, grant.client))?.user;
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
  }

  /** Evicts an entry that is too old. */
  #fresh(key: string): Entry | undefined {
    for (const cache of [this.#entries, this.#empty]) {
      const entry = cache?.get(key);
      if (entry && this.changes.isValidSince(entry.user.readAt)) return entry;
      if (entry) cache?.delete(key);
    }
    return undefined;
  }

  #move(key: string, entry: Entry): void {
    // Evicted during the query.
    if (this.#empty?.peek(key) !== entry) return;
    entry.isMoving = true;
    this.#empty.delete(key);
    entry.isMoving = false;
    this.#entries?.set(key, entry);
  }

  async #read(user: UserGrants, userId: string, client: string): Promise<UserGrants> {
    const stored = await this.store.findWithTokens(userId, client, this.clock.now());
    user.grants = stored.map(toCached);
    // No change is published when an operator repairs such a row, or the key ring.
    if (stored.some(({ isIntact }) => !isIntact) && user.isCurrent) this.evict(userId, client);
    return user;
  }
}

function toCached({ grant, tokens, isIntact }: GrantWithTokens): CachedGrant {
  return { grant, isIntact, tokens: new Map([...tokens].map(([key, token]) => [key, cached(token)])) };
}

function cached(token: AccessToken): CachedToken {
  return { ...token, renewFrom: renewFrom(token, Math.random()) };
}

/** How a caller names a token without showing it. */
export function tokenIdOf({ token }: Pick<AccessToken, 'token'>): string {
  return hash('sha256', token.reveal()).slice(0, 16);
}

/** No user id contains a line break. */
function keyOf(userId: string, client: string): string {
  return `${client}\n${userId}`;
}
