import type { Policy, Service } from '../policy.js';

export interface StoredService extends Service {
  readonly keyHash: Uint8Array<ArrayBuffer>;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export interface NewService {
  readonly id: string;
  readonly name: string;
  readonly keyHash: Uint8Array<ArrayBuffer>;
  readonly policy: Policy;
  readonly createdAt: Date;
}

/** Keeps services, by the hash of their key. */
export abstract class ServiceStore {
  /** @returns false when the name is taken */
  abstract add(service: NewService): Promise<boolean>;

  abstract find(id: string): Promise<StoredService | null>;

  abstract list(): Promise<StoredService[]>;

  /** @returns false when no such service is in force */
  abstract revoke(idOrName: string, now: Date): Promise<boolean>;
}
