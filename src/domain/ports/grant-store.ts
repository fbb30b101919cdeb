import type { AccessToken, Account, Grant, TokenAnswer } from '../grant.js';
import type { Page } from '../page.js';

export interface Consent {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly requestedScopes: readonly string[];
  readonly answer: TokenAnswer;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  /** The exchange that waits to become this grant; it is removed with it. */
  readonly exchangeId: string | null;
  /** The same for the consent that waited for the app: the digest of its code. */
  readonly codeHash: Uint8Array<ArrayBuffer> | null;
  readonly now: Date;
}

export type SavedConsent =
  | {
      readonly kind: 'saved';
      readonly grant: Grant;
      /** What Google gave beyond what was asked and held. Nothing may be done with it. */
      readonly unrequested: readonly string[];
    }
  /** Nothing was stored: a consent with a consent screen is needed. */
  | { readonly kind: 'no_refresh_token' | 'narrower' }
  /** The exchange, or the consent that waited, is not there any more: another has finished it. */
  | { readonly kind: 'gone' };

export interface GrantWithTokens {
  readonly grant: Grant;
  /** The newest for each set of scopes, by `scopeKey`. */
  readonly tokens: ReadonlyMap<string, AccessToken>;
  /** False for a row that is not as the broker wrote it: nothing of it may be handed out. */
  readonly isIntact: boolean;
}

/** A place in a list of grants: the time that it is sorted by, and the grant. */
export interface GrantPosition {
  readonly at: Date;
  readonly id: string;
}

interface GrantList {
  /** Aliases as a policy names them; `*` means any. */
  readonly clients: readonly string[];
  /** Only what is behind this; where the last page ended. */
  readonly after: GrantPosition | null;
  readonly limit: number;
}

export interface GrantsOfUser extends GrantList {
  readonly userId: string;
}

export interface ExpiringGrants extends GrantList {
  /** Rules of a policy: user-rule.ts. */
  readonly users: readonly string[];
  readonly testingClients: readonly string[];
  readonly until: Date;
  /** Only those whose app was not told of this expiry yet. */
  readonly isUntold: boolean;
}

/** Keeps grants, their tokens and the slot ledger. Every change of a grant raises its version. Refreshing: refresh-leases.ts. */
export abstract class GrantStore {
  /**
   * Stores what a consent gave, as far as it was asked for (judge-consent.ts), in one transaction. A missing refresh
   * token keeps the stored one.
   */
  abstract saveConsent(consent: Consent): Promise<SavedConsent>;

  abstract findById(id: string): Promise<Grant | null>;

  abstract findByUser(userId: string, client?: string): Promise<Grant[]>;

  /** The grants of a user with what can be handed out of them, in one query. Tokens that are over are left out. */
  abstract findWithTokens(userId: string, client: string, now: Date): Promise<GrantWithTokens[]>;

  /** Without those whose row is not as the broker wrote it: a connect must not rely on them, and replaces them. */
  async findIntact(userId: string, client: string, now: Date): Promise<Grant[]> {
    const all = await this.findWithTokens(userId, client, now);
    return all.filter(({ isIntact }) => isIntact).map(({ grant }) => grant);
  }

  /** Forgets the grant and its tokens; the ledger keeps the slot, because Google does. */
  abstract forget(grant: Grant, endReason: string | null, now: Date): Promise<void>;

  /** The living grants of one account under the given clients, of whatever user: Google's limit of slots bounds them. */
  abstract findLivingByAccount(accountSub: string, clients: readonly string[]): Promise<Grant[]>;

  /** A user's grants, the oldest first. */
  abstract listOfUser(query: GrantsOfUser): Promise<Page<Grant, GrantPosition>>;

  /** Living grants that die until a time if nobody does anything, the soonest first: the order of forecast.ts. */
  abstract listExpiring(query: ExpiringGrants): Promise<Page<Grant, GrantPosition>>;
}
