import type { Account, Grant } from '../grant.js';
import type { Secret } from '../secret.js';

/** A service account's key, given to the broker for one user of the app. */
export interface KeyDeposit {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly subject: string | null;
  readonly scopes: readonly string[];
  /** The JSON file of Google's console. */
  readonly key: Secret;
  /** Whether it may take the place of what is held. */
  readonly replace: boolean;
  readonly now: Date;
}

/** Keeps keys of service accounts as grants. Their tokens: refresh-leases.ts; forgetting them: grant-store.ts. */
export abstract class ServiceAccountStore {
  /** Tokens of the key before are forgotten. @returns null when one is held and may not be replaced */
  abstract keep(deposit: KeyDeposit): Promise<{ readonly grant: Grant; readonly replaced: boolean } | null>;

  /** All of them, the oldest first, read in batches. */
  abstract list(): AsyncGenerator<readonly Grant[]>;
}
