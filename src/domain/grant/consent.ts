import type { AccessToken, Account, Grant, TokenEndpointResponse } from './grant.js';

export interface Consent {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly requestedScopes: readonly string[];
  readonly answer: TokenEndpointResponse;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  /** The pending exchange that becomes this grant; it is removed in the same transaction. */
  readonly exchangeId: string | null;
  /** The same for a pending consent: the digest of its completion code. */
  readonly codeHash: Uint8Array<ArrayBuffer> | null;
  readonly now: Date;
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
  | { readonly kind: 'gone' };

export interface GrantWithTokens {
  readonly grant: Grant;
  /** The newest for each set of scopes, by `scopeKey`. */
  readonly tokens: ReadonlyMap<string, AccessToken>;
  /** False for a row that the broker did not write: nothing of it is issued. */
  readonly isIntact: boolean;
}
