import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../domain/cache-memory.js';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import type { Proof } from '../http/caller.decorator.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import {
  DelegatedCredentialsRepository,
  type StoredCredential,
} from '../token-store/services/delegated-credentials.repository.js';
import { sameHash } from './service-key.js';
import type { PresentedHandle } from './delegated-credential.js';

interface CredentialEntry {
  /** False once it was evicted. */
  isCurrent: boolean;
  /** Whether the use of it was noted in the row. */
  isNoted: boolean;
  /** When the query was sent, by performance.now(). */
  readonly readAt: number;
  readonly read: Promise<StoredCredential | null>;
}

export interface ProvedCredential {
  readonly credential: StoredCredential;
  readonly proof: Proof;
}

/**
 * Delegated credentials that were presented lately: there may be too many for all of them. An entry ends with a change of its
 * row, and at the age of everything cached. An unknown handle costs one query and evicts none.
 */
@Injectable()
export class DelegatedCredentialCache {
  readonly #entries: LRUCache<string, CredentialEntry> | null;
  readonly #reading = new Map<string, CredentialEntry>();

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly store: DelegatedCredentialsRepository,
    private readonly changes: ChangeFeed,
    private readonly database: DatabaseHealth,
  ) {
    const max = settings.cacheUsers;
    const dispose = (entry: CredentialEntry) => {
      entry.isCurrent = false;
    };
    this.#entries = max === 0 ? null : new LRUCache({ ...cacheBound(max), dispose });
    changes.subscribe((change) => {
      if (change.kind === 'credential') this.#readAgain(change.id);
      else if (change.kind === 'everything') {
        this.#entries?.clear();
        for (const id of [...this.#reading.keys()]) this.#evict(id);
      }
    });
  }

  /** @returns null for a handle that is unknown, revoked or expired: which of these is not said */
  async prove(handle: PresentedHandle): Promise<ProvedCredential | null> {
    const entry = this.#entryOf(handle.id);
    const credential = await entry.read;
    if (!credential || !this.#isGood(credential, handle)) return null;
    const isValid = (now: Date) =>
      entry.isCurrent && now < credential.expiresAt && this.changes.undistributed.isValidSince(entry.readAt);
    // Nothing waits for it, and a use that is not noted is not a failure of the call.
    if (!entry.isNoted) this.store.touch(credential, this.clock.now()).catch(() => undefined);
    entry.isNoted = true;
    return { credential, proof: { isValid, stillHolds: () => this.#stillHolds(handle) } };
  }

  /** During an outage of the database nothing newer can be known: what held at the start counts. */
  async #stillHolds(handle: PresentedHandle): Promise<boolean> {
    try {
      const credential = await this.#entryOf(handle.id).read;
      return credential !== null && this.#isGood(credential, handle);
    } catch (error) {
      if (this.database.isOutage(error)) return true;
      throw error;
    }
  }

  #isGood({ revokedAt, expiresAt, secretHash }: StoredCredential, { hash }: PresentedHandle): boolean {
    return sameHash(secretHash, hash) && !revokedAt && this.clock.now() < expiresAt;
  }

  /** Kept before the query runs, so that a change during the query evicts it. */
  #entryOf(id: string): CredentialEntry {
    const readAt = performance.now();
    if (!this.#entries || !this.changes.undistributed.isValid)
      return { isCurrent: false, isNoted: false, readAt, read: this.store.find(id) };
    const known = this.#entries.get(id) ?? this.#reading.get(id);
    if (known && this.changes.undistributed.isValidSince(known.readAt)) return known;
    const entry: CredentialEntry = { isCurrent: true, isNoted: false, readAt, read: this.store.find(id) };
    this.#reading.set(id, entry);
    entry.read
      .then(
        (credential) => {
          if (credential && entry.isCurrent) this.#entries?.set(id, entry);
        },
        () => undefined,
      )
      .finally(() => {
        if (this.#reading.get(id) === entry) this.#reading.delete(id);
      });
    return entry;
  }

  /** Of one that was presented here: the repository sees its revocation before anyone can put the row back. */
  #readAgain(id: string): void {
    const wasKnown = this.#entries?.has(id) === true || this.#reading.has(id);
    this.#evict(id);
    if (wasKnown) this.#entryOf(id).read.catch(() => undefined);
  }

  #evict(id: string): void {
    this.#entries?.delete(id);
    const reading = this.#reading.get(id);
    if (reading) reading.isCurrent = false;
    this.#reading.delete(id);
  }
}
