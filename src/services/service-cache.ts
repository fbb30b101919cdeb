import { Injectable } from '@nestjs/common';
import type { Service } from '../domain/access/policy.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { ServicesRepository, type StoredService } from '../token-store/services/services.repository.js';

/** A service, and when the database was asked for it, by performance.now(). */
export type KnownService = StoredService & { readonly readAt: number };

interface Snapshot {
  readonly byId: ReadonlyMap<string, KnownService>;
  readonly byIdentity: ReadonlyMap<string, KnownService>;
}

/**
 * Services as they are now: what was allowed when a call or a connect began may not be any more.
 *
 * All services that may call, read again after each change and when the settings call them too old. There are few, and
 * having all of them means that a key which does not exist costs no query, however many of those are tried.
 */
@Injectable()
export class ServiceCache {
  #snapshot: Promise<Snapshot> | null = null;
  #readAt = 0;
  #latest: Snapshot | null = null;

  constructor(
    private readonly store: ServicesRepository,
    private readonly changes: ChangeFeed,
  ) {
    changes.subscribe(({ kind }) => {
      if (kind !== 'grant') this.#snapshot = null;
    });
  }

  /** As the database said last, which may be out of date: to tell known callers from strangers, not to let anybody in. */
  recall(id: string): KnownService | null {
    return this.#latest?.byId.get(id) ?? null;
  }

  async find(id: string): Promise<KnownService | null> {
    if (!this.changes.isTrusted) return known(performance.now(), await this.store.find(id));
    return (await this.#all()).byId.get(id) ?? null;
  }

  /** @returns null when there is none with this id, or it was revoked */
  async findActive(id: string): Promise<Service | null> {
    const service = await this.find(id);
    return service && !service.revokedAt ? service : null;
  }

  async findByIdentity(issuer: string, subject: string): Promise<KnownService | null> {
    if (!this.changes.isTrusted) {
      return known(performance.now(), await this.store.findByIdentity(issuer, subject));
    }
    return (await this.#all()).byIdentity.get(identityOf(issuer, subject)) ?? null;
  }

  /** Made before the database is asked: a change that comes while it answers throws it away. */
  #all(): Promise<Snapshot> {
    if (this.#snapshot && this.changes.believes(this.#readAt)) return this.#snapshot;
    this.#readAt = performance.now();
    const snapshot = this.#read(this.#readAt);
    this.#snapshot = snapshot;
    snapshot.catch(() => {
      if (this.#snapshot === snapshot) this.#snapshot = null;
    });
    return snapshot;
  }

  async #read(readAt: number): Promise<Snapshot> {
    const byId = new Map<string, KnownService>();
    const byIdentity = new Map<string, KnownService>();
    for await (const batch of this.store.listActive()) {
      for (const stored of batch) {
        const service = { ...stored, readAt };
        const { id, credential } = service;
        byId.set(id, service);
        if (credential.kind === 'identity') {
          byIdentity.set(identityOf(credential.issuer, credential.subject), service);
        }
      }
    }
    this.#latest = { byId, byIdentity };
    return this.#latest;
  }
}

function known(readAt: number, service: StoredService | null): KnownService | null {
  return service && { ...service, readAt };
}

function identityOf(issuer: string, subject: string): string {
  return JSON.stringify([issuer, subject]);
}
