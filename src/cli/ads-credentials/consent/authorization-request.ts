import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isRequiredAccount } from '../../../domain/connect/connect-request.js';
import { NO_REFRESH_TOKEN } from '../../../domain/google/authorization-failures.js';
import type { GoogleClient } from '../../../domain/google/oauth.js';
import { missingScopes } from '../../../domain/google/scopes.js';
import type { GoogleTokenResponse, VerifiedAccount } from '../../../domain/grant/grant.js';
import { Secret } from '../../../domain/secret.js';
import type { GoogleOAuthClient } from '../../../google/oauth/google-oauth.client.js';
import { EXIT, Failure } from '../../shared/failure.js';
import { explainGoogleFailure } from '../reach-google.js';
import { requiredByHint, wrongAccount } from './account-hint.js';
import { readAuthorizationResponse, withoutCode, wrongState } from './authorization-response.js';
import { failed, type Loopback, pageOf, type VisitResult } from './loopback.js';

export interface ConsentRequest {
  readonly client: GoogleClient;
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
}

export interface LoopbackConsent {
  readonly account: VerifiedAccount;
  readonly refreshToken: Secret;
  readonly accessToken: Secret;
  readonly scopes: readonly string[];
  /** Requested and not granted. */
  readonly missing: readonly string[];
}

/** One authorization request (RFC 6749 section 4.1.1); its state, nonce and PKCE verifier exist only in memory. */
export class LoopbackAuthorizationRequest {
  readonly #verifier = new Secret(random());
  readonly #stateHash: Buffer;
  readonly #nonceHash: Buffer;
  /** The consent URL. */
  readonly url: Promise<string>;

  constructor(
    private readonly google: GoogleOAuthClient,
    private readonly loopback: Loopback,
    private readonly request: ConsentRequest,
  ) {
    const [state, nonce] = [random(), random()];
    this.#stateHash = hash(state);
    this.#nonceHash = hash(nonce);
    this.url = google.consentUrl({
      client: request.client,
      redirectUri: loopback.redirectUri,
      purpose: 'consent',
      scopes: request.scopes,
      state: new Secret(state),
      nonce: new Secret(nonce),
      verifier: this.#verifier,
      loginHint: request.loginHint,
      hostedDomain: null,
      // Google gives a refresh token only with a consent screen.
      prompt: 'consent',
      locale: null,
      // The token has the requested scopes only, not those that the user granted to other apps of the project.
      includeGranted: false,
    });
  }

  /** Waits for the browser, and exchanges the code. @throws {Failure} */
  finish(seconds: number): Promise<LoopbackConsent> {
    return this.loopback.receive((query) => this.#visit(query), seconds);
  }

  async #visit(query: URLSearchParams): Promise<VisitResult<LoopbackConsent>> {
    try {
      const consent = await this.#exchange(query);
      const account = consent.account.email ?? consent.account.sub;
      const page =
        consent.missing.length === 0
          ? pageOf({ kind: 'done', account })
          : pageOf({ kind: 'in_part', account, missing: consent.missing });
      return { reply: { status: 200, page }, outcome: { value: consent } };
    } catch (error) {
      const failure = explainGoogleFailure(error, this.request.client, 'exchange');
      const isDenied = failure instanceof Failure && failure.exitCode === EXIT.consentRefused;
      if (!isDenied) return failed(failure);
      return { reply: { status: 200, page: pageOf({ kind: 'denied' }) }, outcome: { failure } };
    }
  }

  async #exchange(query: URLSearchParams): Promise<LoopbackConsent> {
    const { code, error, iss } = readAuthorizationResponse(query);
    const isState = timingSafeEqual(hash(query.get('state') ?? ''), this.#stateHash);
    // RFC 9207 section 2.4. Google has not always sent iss, so its absence is not a fault.
    if (!isState || (iss !== null && !this.google.isIssuer(iss))) throw wrongState();
    if (error !== null || code === null) throw withoutCode(error);
    const { client, scopes, loginHint } = this.request;
    const tokens = await this.google.exchangeCode({
      client,
      redirectUri: this.loopback.redirectUri,
      code,
      verifier: this.#verifier,
      scopes,
    });
    const account = await this.google.verifyIdToken(tokens.idToken, {
      client,
      isNonce: (nonce) => timingSafeEqual(hash(nonce), this.#nonceHash),
      receivedAt: tokens.obtainedAt,
    });
    const required = requiredByHint(loginHint);
    if (required !== null && !isRequiredAccount(account, required))
      throw wrongAccount(account, loginHint ?? '');
    return {
      ...tokens,
      account,
      refreshToken: requireRefreshToken(tokens),
      missing: missingScopes(scopes, tokens.scopes),
    };
  }
}

function requireRefreshToken({ refreshToken }: GoogleTokenResponse): Secret {
  if (refreshToken) return refreshToken;
  throw new Failure(
    EXIT.refused,
    'no_refresh_token',
    `${NO_REFRESH_TOKEN.meaning} Run the command again, or: ${NO_REFRESH_TOKEN.remedy}`,
  );
}

/** 256 bits in 43 characters, the shortest PKCE verifier (RFC 7636 section 4.1). */
function random(): string {
  return randomBytes(32).toString('base64url');
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
