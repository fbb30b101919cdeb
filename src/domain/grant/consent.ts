import type { AccessToken, Account, Grant, TokenEndpointResponse } from './grant.js';

export interface Consent {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly requestedScopes: readonly string[];
  readonly answer: TokenEndpointResponse;
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
