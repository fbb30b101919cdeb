import type { AccessToken, Account, Grant, TokenAnswer } from '../grant.js';

export interface Consent {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly requestedScopes: readonly string[];
  readonly answer: TokenAnswer;
  readonly now: Date;
}

export interface GrantWithTokens {
  readonly grant: Grant;
  /** The newest for each set of scopes, by `scopeKey`. */
  readonly tokens: ReadonlyMap<string, AccessToken>;
  /** False for a row that is not as the broker wrote it: nothing of it may be handed out. */
  readonly isIntact: boolean;
}

/** Keeps grants, their tokens and the slot ledger. Every change of a grant raises its version. Refreshing: refresh-leases.ts. */
export abstract class GrantStore {
  /**
   * Stores what a consent gave, in one transaction. A missing refresh token keeps the stored one.
   * @returns null when none came and none is stored: such a grant could never be refreshed
   */
  abstract saveConsent(consent: Consent): Promise<Grant | null>;

  abstract findById(id: string): Promise<Grant | null>;

  abstract findByUser(userId: string, client?: string): Promise<Grant[]>;

  /** The grants of a user with what can be handed out of them, in one query. Tokens that are over are left out. */
  abstract findWithTokens(userId: string, client: string, now: Date): Promise<GrantWithTokens[]>;

  /** Forgets the grant and its tokens; the ledger keeps the slot, because Google does. */
  abstract forget(grant: Grant, endReason: string | null, now: Date): Promise<void>;

  /** All grants of one account under the given clients, of whatever user. */
  abstract findByAccount(accountSub: string, clients: readonly string[]): Promise<Grant[]>;

  /**
   * The living grants that may die before a time, in batches: their lifetime is known to end, their client is one
   * of those in Testing, or they were not used for long. The forecast decides.
   */
  abstract mortal(before: Date, testingClients: readonly string[], batch: number): AsyncGenerator<Grant[]>;
}
