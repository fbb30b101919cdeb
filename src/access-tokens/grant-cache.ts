import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Settings } from '../config/settings.js';
import { scopeKey } from '../domain/google/scopes.js';
import type { GrantWithTokens } from '../domain/grant/consent.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { renewFrom } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

export interface CachedToken extends AccessToken {
  /** From here on a new one is fetched in the background. */
  readonly renewFrom: Date;
}

export interface CachedGrant {
  readonly grant: Grant;
  readonly tokens: ReadonlyMap<string, CachedToken>;
  readonly isIntact: boolean;
}

/** All grants of one user under one client; that there are none, or dead ones, is worth remembering too. */
export interface UserGrants {
  grants: readonly CachedGrant[];
  /** False once something changed: what was decided by this must be decided again. */
  isCurrent: boolean;
  /** When the database was asked, by performance.now(). */
  readonly readAt: number;
}

interface Entry {
  readonly user: UserGrants;
  readonly read: Promise<UserGrants>;
  /** Whether it went from one memory to the other: then nothing about it ended. */
  isMoving: boolean;
}

/** Users who have nothing. Anybody can make those up, and none of them may push out one who has. */
const MAX_WITHOUT_GRANTS = 5_000;

/**
 * What the database said of a user's grants, until they change or the settings call it too old. An entry is made before the database
 * is asked, so that a change which comes while it answers finds something to throw away.
 */
@Injectable()
export class GrantCache {
  readonly #entries: LRUCache<string, Entry> | null;
  /** Those that are being read, and those of whom it turned out that there are no grants. */
  readonly #without: LRUCache<string, Entry> | null;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly store: GrantsRepository,
    private readonly changes: ChangeFeed,
  ) {
    const max = settings.memoryUsers;
    const dispose = ({ user, isMoving }: Entry) => {
      if (!isMoving) user.isCurrent = false;
    };
    this.#entries = max === 0 ? null : new LRUCache({ max, dispose });
    this.#without = max === 0 ? null : new LRUCache({ max: Math.min(max, MAX_WITHOUT_GRANTS), dispose });
    changes.subscribe((change) => {
      if (change.kind === 'everything') {
        this.#entries?.clear();
        this.#without?.clear();
      } else if (change.kind === 'grant') this.forget(change.userId, change.client);
    });
  }

  async of(userId: string, client: string): Promise<UserGrants> {
    const readAt = performance.now();
    if (!this.changes.isTrusted || !this.#entries) {
      return this.#read({ grants: [], isCurrent: false, readAt }, userId, client);
    }
    const key = keyOf(userId, client);
    const known = this.#known(key);
    if (known) return known.read;
    // One read for all who ask from here on.
    const user: UserGrants = { grants: [], isCurrent: true, readAt };
    const entry: Entry = { user, read: this.#read(user, userId, client), isMoving: false };
    this.#without?.set(key, entry);
    entry.read.then(
      () => {
        if (user.grants.length > 0) this.#move(key, entry);
      },
      () => {
        if (user.isCurrent) this.#without?.delete(key);
      },
    );
    return entry.read;
  }

  /** What a refresh brought. Nothing happens where the grant changed since, or was never remembered. */
  renew(grant: Grant, scopes: readonly string[], token: AccessToken): void {
    const user = this.#entries?.peek(keyOf(grant.userId, grant.client))?.user;
    if (!user) return;
    user.grants = user.grants.map((each) =>
      each.grant.id === grant.id &&
      each.grant.version === grant.version &&
      each.grant.refreshes < grant.refreshes
        ? { ...each, grant, tokens: new Map(each.tokens).set(scopeKey(scopes), remember(token)) }
        : each,
    );
  }

  forget(userId: string, client: string): void {
    const key = keyOf(userId, client);
    this.#entries?.delete(key);
    this.#without?.delete(key);
  }

  /** An entry that became too old is not current any more. */
  #known(key: string): Entry | undefined {
    for (const memory of [this.#entries, this.#without]) {
      const known = memory?.get(key);
      if (known && this.changes.believes(known.user.readAt)) return known;
      if (known) memory?.delete(key);
    }
    return undefined;
  }

  #move(key: string, entry: Entry): void {
    // Forgotten meanwhile, or pushed out: then it is not remembered.
    if (this.#without?.peek(key) !== entry) return;
    entry.isMoving = true;
    this.#without.delete(key);
    entry.isMoving = false;
    this.#entries?.set(key, entry);
  }

  async #read(user: UserGrants, userId: string, client: string): Promise<UserGrants> {
    const held = await this.store.findWithTokens(userId, client, this.clock.now());
    user.grants = held.map(rememberAll);
    // Nothing tells us when an operator puts such a row right, or the key ring.
    if (held.some(({ isIntact }) => !isIntact) && user.isCurrent) this.forget(userId, client);
    return user;
  }
}

function rememberAll({ grant, tokens, isIntact }: GrantWithTokens): CachedGrant {
  return { grant, isIntact, tokens: new Map([...tokens].map(([key, token]) => [key, remember(token)])) };
}

function remember(token: AccessToken): CachedToken {
  return { ...token, renewFrom: renewFrom(token, Math.random()) };
}

/** A line break is in no user id. */
function keyOf(userId: string, client: string): string {
  return `${client}\n${userId}`;
}
