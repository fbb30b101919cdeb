import { Injectable } from '@nestjs/common';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import { ServiceStore, type StoredService } from '../domain/ports/service-store.js';

interface Snapshot {
  readonly byId: ReadonlyMap<string, StoredService>;
  /** In force only: a revoked service has given its identity up. */
  readonly byIdentity: ReadonlyMap<string, StoredService>;
}

/**
 * All services, read once and again after each change. There are few, and having all of them means that a key which
 * does not exist costs no query, however many of those somebody tries.
 */
@Injectable()
export class RememberedServices {
  #snapshot: Promise<Snapshot> | null = null;

  constructor(
    private readonly store: ServiceStore,
    private readonly changes: ChangeFeed,
  ) {
    changes.subscribe(({ kind }) => {
      if (kind !== 'grant') this.#snapshot = null;
    });
  }

  async find(id: string): Promise<StoredService | null> {
    if (!this.changes.isTrusted) return this.store.find(id);
    return (await this.#all()).byId.get(id) ?? null;
  }

  async findByIdentity(issuer: string, subject: string): Promise<StoredService | null> {
    if (!this.changes.isTrusted) return this.store.findByIdentity(issuer, subject);
    return (await this.#all()).byIdentity.get(identityOf(issuer, subject)) ?? null;
  }

  /** Made before the database is asked: a change that comes while it answers throws it away. */
  #all(): Promise<Snapshot> {
    if (this.#snapshot) return this.#snapshot;
    const snapshot = this.#read();
    this.#snapshot = snapshot;
    snapshot.catch(() => {
      if (this.#snapshot === snapshot) this.#snapshot = null;
    });
    return snapshot;
  }

  async #read(): Promise<Snapshot> {
    const all = await this.store.list();
    const identities = all.flatMap((service): [string, StoredService][] => {
      const { credential, revokedAt } = service;
      if (credential.kind !== 'identity' || revokedAt) return [];
      return [[identityOf(credential.issuer, credential.subject), service]];
    });
    return { byId: new Map(all.map((service) => [service.id, service])), byIdentity: new Map(identities) };
  }
}

function identityOf(issuer: string, subject: string): string {
  return JSON.stringify([issuer, subject]);
}
