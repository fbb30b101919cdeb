import type { GoogleClient } from '../google-client.js';
import type { TokenAnswer, VerifiedAccount } from '../grant.js';
import type { Secret } from '../secret.js';

export interface ConsentRequest {
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
  readonly prompt: 'consent' | 'select_account' | null;
  /**
   * Whether the tokens shall also cover what the account granted this project before (include_granted_scopes). Google
   * does not say to which user or client that was: only for an account whose living grant this connect renews.
   */
  readonly includeGranted: boolean;
}

export interface CodeExchange {
  readonly client: GoogleClient;
  readonly redirectUri: string;
  readonly code: Secret;
  readonly verifier: Secret;
  readonly scopes: readonly string[];
}

/** What a code was exchanged for. Nothing of it is verified yet. */
export interface ExchangeAnswer extends TokenAnswer {
  readonly idToken: Secret | null;
}

/** What an id_token must say. */
export interface IdTokenExpectation {
  readonly client: GoogleClient;
  /** Checks the id_token's nonce. */
  readonly isNonce: (nonce: string) => boolean;
  /** When it came. Verified later, it must have been good then. */
  readonly receivedAt: Date;
}

/** A service account asks for a token by its own signature (RFC 7523 section 2.1). */
export interface Assertion {
  /** The JSON file of Google's console. */
  readonly key: Secret;
  /** The user of a Workspace to act for, by email; null: the service account itself. */
  readonly subject: string | null;
  readonly scopes: readonly string[];
}

/** Google, as far as the broker needs it. Its requests throw `GoogleFailure` and nothing else. */
export abstract class Google {
  abstract consentUrl(request: ConsentRequest): string;

  /** RFC 9207: whether the `iss` of a redirect is Google. */
  abstract isIssuer(iss: string): boolean;

  /** Sends the code exactly once: a lost answer burns it (RFC 6749 section 4.1.2). */
  abstract exchangeCode(exchange: CodeExchange): Promise<ExchangeAnswer>;

  /**
   * Which account consented (OpenID Connect Core section 3.1.3.7). The subtype of a failure names the check.
   * @throws {GoogleFailure} `code_rejected`: the token is not what we asked for; `unavailable`: Google's keys cannot be had
   */
  abstract verifyIdToken(idToken: Secret | null, expected: IdTokenExpectation): Promise<VerifiedAccount>;

  /** The `sub` that an id_token claims, unverified: good for bookkeeping and nothing else. */
  abstract claimedSubject(idToken: Secret | null): string | null;

  /** @param narrowTo the scopes the access token shall have; null asks for everything granted */
  abstract refresh(
    client: GoogleClient,
    refreshToken: Secret,
    granted: readonly string[],
    narrowTo: readonly string[] | null,
  ): Promise<TokenAnswer>;

  /** Fewer scopes are simply asked for: there is nothing to narrow. */
  abstract assert(client: GoogleClient, assertion: Assertion): Promise<TokenAnswer>;

  /** Revokes the whole project's grant for the account. A token that was dead already counts as revoked. */
  abstract revoke(token: Secret): Promise<'revoked' | 'already_dead'>;
}
