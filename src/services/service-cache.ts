import { Injectable } from '@nestjs/common';
import type { Service } from '../domain/access/policy.js';
import { ChangeFeed, OF_CALLERS } from '../token-store/change-feed/change-feed.js';
import { ServicesRepository, type StoredService } from '../token-store/services/services.repository.js';

/** A service, and when it was read from the database, by performance.now(). */
export type KnownService = StoredService & { readonly readAt: number };

interface ServicesSnapshot {
  readonly byId: ReadonlyMap<string, KnownService>;
  readonly byIdentity: ReadonlyMap<string, KnownService>;
}

/**
 * All active services, read again after each change and when the cache is older than the settings allow. There are few
 * of them, and with all in memory an unknown key costs no query, however many are tried.
 *
 * A policy can change while a call or a connect is in progress: read the service where the policy is applied.
 */
@Injectable()
export class ServiceCache {
  #snapshot: Promise<ServicesSnapshot> | null = null;
  #readAt = 0;
  #latest: ServicesSnapshot | null = null;

  constructor(
    private readonly store: ServicesRepository,
    private readonly changes: ChangeFeed,
  ) {
    changes.subscribeTo(OF_CALLERS, () => {
      this.#snapshot = null;
    });
  }

  /** The last known state, possibly stale: for rate limits, never to authenticate. */
  recall(id: string): KnownService | null {
    return this.#latest?.byId.get(id) ?? null;
  }

  async find(id: string): Promise<KnownService | null> {
    if (!this.changes.undistributed.isValid) return known(performance.now(), await this.store.find(id));
    return (await this.#all()).byId.get(id) ?? null;
  }

  /** @returns null when no service has this id, or it was revoked */
  async findActive(id: string): Promise<Service | null> {
    const service = await this.find(id);
    return service && !service.revokedAt ? service : null;
  }

  async findByIdentity(issuer: string, subject: string): Promise<KnownService | null> {
    if (!this.changes.undistributed.isValid) {
      return known(performance.now(), await this.store.findByIdentity(issuer, subject));
    }
    return (await this.#all()).byIdentity.get(identityOf(issuer, subject)) ?? null;
  }

  /** Cached before the query runs, so that a change during the query invalidates it. */
  #all(): Promise<ServicesSnapshot> {
    if (this.#snapshot && this.changes.undistributed.isValidSince(this.#readAt)) return this.#snapshot;
    this.#readAt = performance.now();
    const snapshot = this.#read(this.#readAt);
    this.#snapshot = snapshot;
    snapshot.catch(() => {
      if (this.#snapshot === snapshot) this.#snapshot = null;
    });
    return snapshot;
  }

  async #read(readAt: number): Promise<ServicesSnapshot> {
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
