import type { Policy, Service } from '../policy.js';

/** How a service proves who it is: a key of ours, or an identity of its platform (the issuer and subject of a JWT). */
export type Credential =
  | { readonly kind: 'key'; readonly keyHash: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'identity'; readonly issuer: string; readonly subject: string };

export interface StoredService extends Service {
  readonly credential: Credential;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export interface NewService {
  readonly id: string;
  readonly name: string;
  readonly credential: Credential;
  readonly policy: Policy;
  readonly createdAt: Date;
}

/** Keeps services, by the hash of their key or by their identity. Only those that the broker itself wrote are found. */
export abstract class ServiceStore {
  /** @returns false when the name is taken, or the identity by a service in force */
  abstract add(service: NewService): Promise<boolean>;

  abstract find(id: string): Promise<StoredService | null>;

  /** @returns the one service in force; a revoked one has given its identity up */
  abstract findByIdentity(issuer: string, subject: string): Promise<StoredService | null>;

  /** The one with this id, or else the one with this name. */
  abstract findNamed(idOrName: string): Promise<StoredService | null>;

  /** All of them, the oldest first, read in batches. */
  abstract list(): AsyncGenerator<readonly StoredService[]>;

  /** Those that may call, read in batches. */
  abstract listActive(): AsyncGenerator<readonly StoredService[]>;

  /** Rows that are not as the broker wrote them. They are no services; an operator must know of them. */
  abstract listUnverified(): Promise<StoredService[]>;

  /** @returns false when no active service has this id */
  abstract revoke(id: string, now: Date): Promise<boolean>;
}
