import type { GoogleTokenResponse } from '../grant/grant.js';
import type { Secret } from '../secret.js';

/** The types of tokens in a token exchange (RFC 8693 section 3). */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';

/** What Google should show even where it need not: the consent screen, the account chooser, or both. */
export const PROMPTS = ['consent', 'select_account', 'consent select_account'] as const;

export type Prompt = (typeof PROMPTS)[number];

/** Whether a prompt is one of these, or both of which one is it. */
export function hasPrompt(prompt: Prompt | null | undefined, named: 'consent' | 'select_account'): boolean {
  return prompt?.split(' ').includes(named) ?? false;
}

export interface ConsentUrlRequest {
  readonly client: GoogleClient;
  readonly redirectUri: string;
  /** `identify` only signs in: no refresh token comes of it, and no slot is spent. */
  readonly purpose: 'consent' | 'identify';
  readonly scopes: readonly string[];
  readonly state: Secret;
  readonly nonce: Secret;
  readonly verifier: Secret;
  /** An email address or `sub`. */
  readonly loginHint: string | null;
  readonly hostedDomain: string | null;
  readonly prompt: Prompt | null;
  /** Of Google's pages, a language tag; null leaves it to the browser and the account. */
  readonly locale: string | null;
  /**
   * Whether the tokens should also cover what the account granted this project before (include_granted_scopes). Google
   * does not say to which user or client that was: only for an account whose active grant this connect extends.
   */
  readonly includeGranted: boolean;
}

export interface CodeExchangeRequest {
  readonly client: GoogleClient;
  readonly redirectUri: string;
  readonly code: Secret;
  readonly verifier: Secret;
  readonly scopes: readonly string[];
}

/** A response of the token endpoint with its id_token, as to a code exchange. Nothing of it is verified yet. */
export interface CodeExchangeResponse extends GoogleTokenResponse {
  readonly idToken: Secret | null;
}

/** What an id_token must say. */
export interface IdTokenExpectation {
  readonly client: GoogleClient;
  /** Checks the id_token's nonce; null for one of a refresh, which has none (OpenID Connect Core section 12.2). */
  readonly isNonce: ((nonce: string) => boolean) | null;
  /** When it came. Verified later, it must have been good then. */
  readonly receivedAt: Date;
}

/** A token request of a service account, by its own signature (RFC 7523 section 2.1). */
export interface Assertion {
  /** The JSON file of Google's console. */
  readonly key: Secret;
  /** The user of a Workspace to act for, by email; null: the service account itself. */
  readonly subject: string | null;
  readonly scopes: readonly string[];
}

/** One Google OAuth client, read from the client_secret JSON that Google's console gives out. */
export interface GoogleClient {
  /** The name that services use for it. */
  readonly alias: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly projectId: string;
  /** `web` clients accept registered redirect URIs only; `installed` ones any loopback address. */
  readonly kind: 'web' | 'installed';
  /** From the file; empty when the file does not list them. */
  readonly redirectUris: readonly string[];
}
