import type { AccessToken, Account, Grant, GoogleTokenResponse } from './grant.js';

export interface Consent {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly requestedScopes: readonly string[];
  readonly answer: GoogleTokenResponse;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  /** Whether the service asked not to include it: then the grant may hold less than before. */
  readonly mayNarrow: boolean;
  /** The pending exchange that becomes this grant; it is removed in the same transaction. */
  readonly exchangeId: string | null;
  /** The same for a pending consent: the digest of its completion code. */
  readonly codeHash: Uint8Array<ArrayBuffer> | null;
  /** The connect ticket that ends with this grant, in the same transaction. Null: of an exchange that had none. */
  readonly ticket: TicketEndFacts | null;
  readonly now: Date;
}

export interface TicketEndFacts {
  readonly id: string;
  /** Of the call, for the ticket's outcome. */
  readonly requestId: string;
  /** Accounts of the user's dead grants, none of which is this one. */
  readonly insteadOf: readonly Account[];
}

export type SavedConsent =
  | {
      readonly kind: 'saved';
      readonly grant: Grant;
      /** Scopes that Google granted beyond what was requested and held. They are never used. */
      readonly unrequested: readonly string[];
    }
  /** Nothing was stored: a consent with a consent screen (prompt=consent) is needed. */
  | { readonly kind: 'no_refresh_token' | 'narrower' }
  /** The pending exchange or consent is gone: another replica has finished it. */
  | { readonly kind: 'gone' }
  /** The ticket had ended before: its service cancelled it. Nothing was stored. */
  | { readonly kind: 'ticket_ended' };

export interface GrantWithTokens {
  readonly grant: Grant;
  /** The newest for each set of scopes, by `scopeKey`. */
  readonly tokens: ReadonlyMap<string, AccessToken>;
  /** False for a row that the broker did not write: nothing of it is issued. */
  readonly isIntact: boolean;
}
