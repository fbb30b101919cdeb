import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { findFailure, GoogleFailure } from '../../domain/google/google-failure.js';
import { REVOCATION_FAILURES } from '../../domain/google/oauth-failures.js';
import {
  Assertion,
  CodeExchangeRequest,
  CodeExchangeResponse,
  ConsentUrlRequest,
  type GoogleClient,
  IdTokenExpectation,
} from '../../domain/google/oauth.js';
import { scopeSet, SIGN_IN_SCOPES } from '../../domain/google/scopes.js';
import type { GoogleTokenResponse, VerifiedAccount } from '../../domain/grant/grant.js';
import { Clock } from '../../domain/ports/clock.js';
import type { Secret } from '../../domain/secret.js';
import { type Endpoints, endpointsFor } from '../endpoints.js';
import { readJsonObject } from '../read-json.js';
import { ShutdownSignal } from '../shutdown-signal.js';
import { classifyFailure } from './classify-failure.js';
import { type ClaimedAccount, IdTokenVerifier, readTokenInfo } from './id-token-verifier.js';
import { askByAssertion } from './jwt-bearer-grant.js';
import { postForm } from './post-form.js';
import { RefreshRequests } from './refresh-requests.js';
import { assertScopes, assertSomeOf, parseTokenEndpointResponse } from './token-endpoint-response.js';

/**
 * Google's OAuth 2.0 endpoints for web server applications: consent URL, code exchange, id_token, refresh, assertion, revocation.
 * Requests throw `GoogleFailure` and nothing else.
 */
@Injectable()
export class GoogleOAuthClient {
  readonly #endpoints: Endpoints;
  readonly #idTokens: IdTokenVerifier;
  readonly #timeoutMs: number;

  constructor(
    // The command line asks for consent without a configured broker, and so without the other settings.
    @Inject(Settings) settings: Pick<Settings, 'googleStandInUrl' | 'googleTimeoutMs'>,
    private readonly clock: Clock,
    private readonly refreshes: RefreshRequests,
    private readonly shutdown: ShutdownSignal,
  ) {
    this.#endpoints = endpointsFor(settings.googleStandInUrl);
    this.#timeoutMs = settings.googleTimeoutMs;
    this.#idTokens = new IdTokenVerifier(this.#endpoints, this.#timeoutMs, () => clock.monotonicMs());
  }

  /** RFC 9207: whether the `iss` of a redirect is Google. */
  isIssuer(iss: string): boolean {
    return this.#endpoints.issuers.includes(iss);
  }

  async consentUrl(request: ConsentUrlRequest): Promise<string> {
    // Large, and the start does without it.
    const { CodeChallengeMethod, OAuth2Client } = await import('google-auth-library');
    const google = new OAuth2Client({
      clientId: request.client.clientId,
      redirectUri: request.redirectUri,
      endpoints: { oauth2AuthBaseUrl: this.#endpoints.authorization },
    });
    return google.generateAuthUrl({
      ...(request.purpose === 'consent'
        ? { access_type: 'offline', ...(request.includeGranted ? { include_granted_scopes: true } : {}) }
        : { access_type: 'online' }),
      scope: scopeSet([...SIGN_IN_SCOPES, ...request.scopes]),
      state: request.state.reveal(),
      nonce: request.nonce.reveal(),
      // RFC 7636 section 4.2
      code_challenge_method: CodeChallengeMethod.S256,
      code_challenge: createHash('sha256').update(request.verifier.reveal()).digest('base64url'),
      ...(request.loginHint === null ? {} : { login_hint: request.loginHint }),
      ...(request.hostedDomain === null ? {} : { hd: request.hostedDomain }),
      ...(request.prompt === null ? {} : { prompt: request.prompt }),
      ...(request.locale === null ? {} : { hl: request.locale }),
    });
  }

  /** Sends the code exactly once: a lost response uses it up (RFC 6749 section 4.1.2). */
  exchangeCode(exchange: CodeExchangeRequest): Promise<CodeExchangeResponse> {
    const { client, code, verifier, redirectUri, scopes } = exchange;
    return this.#askForTokens(
      'exchange',
      client,
      { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri },
      scopeSet([...SIGN_IN_SCOPES, ...scopes]),
    );
  }

  /**
   * Which account consented (OpenID Connect Core section 3.1.3.7). The subtype of a failure names the check.
   * @throws {GoogleFailure} `code_rejected`: not the token that was requested; `unavailable`: Google's keys cannot be fetched
   */
  verifyIdToken(idToken: Secret | null, expected: IdTokenExpectation): Promise<VerifiedAccount> {
    return this.#idTokens.verify(idToken, expected);
  }

  /** @param narrowTo the scopes of the access token; null requests everything granted */
  async refresh(
    client: GoogleClient,
    refreshToken: Secret,
    granted: readonly string[],
    narrowTo: readonly string[] | null,
  ): Promise<GoogleTokenResponse> {
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...(narrowTo === null ? {} : { scope: narrowTo.join(' ') }),
    };
    const { idToken: _unused, ...response } = await this.refreshes.send(client.alias, () =>
      // A response that names no scopes is for those that were requested (RFC 6749 section 5.1).
      this.#askForTokens('refresh', client, fields, narrowTo ?? granted, refreshToken),
    );
    assertSomeOf(response, granted);
    return response;
  }

  /** What a refresh token is good for, as Google says itself: nothing is known of it yet. With an id_token where it covers `openid`. */
  async inspect(client: GoogleClient, refreshToken: Secret): Promise<CodeExchangeResponse> {
    const fields = { grant_type: 'refresh_token', refresh_token: refreshToken };
    const response = await this.refreshes.send(client.alias, () =>
      this.#askForTokens('refresh', client, fields, [], refreshToken),
    );
    assertScopes(response);
    return response;
  }

  /** The account of an access token, as far as its scopes let Google say; for a response without an id_token. */
  accountOf(client: GoogleClient, accessToken: Secret): Promise<ClaimedAccount> {
    return this.refreshes.send(client.alias, async () => {
      const form = { access_token: accessToken };
      const response = await postForm(this.#endpoints.tokenInfo, form, this.#timeoutMs, this.shutdown.signal);
      if (response.status !== 200) throw classifyFailure({ ...response, during: 'refresh' });
      return readTokenInfo(response.body, client.clientId);
    });
  }

  /**
   * Whether Google accepts an access token.
   * @throws {GoogleFailure} `grant_dead` where it does not; `unavailable` where Google does not say it
   */
  async assertAccepted(accessToken: Secret): Promise<void> {
    const form = { access_token: accessToken };
    const response = await postForm(this.#endpoints.tokenInfo, form, this.#timeoutMs, this.shutdown.signal);
    if (response.status === 200 && readJsonObject(response.body)?.['expires_in'] !== undefined) return;
    const { error, description, retryAfterSeconds } = classifyFailure({ ...response, during: 'refresh' });
    const isRefused = response.status === 400 && error === 'invalid_token';
    throw new GoogleFailure(
      isRefused ? 'grant_dead' : 'unavailable',
      error,
      description,
      null,
      retryAfterSeconds,
    );
  }

  /** An access token of a service account. Fewer scopes are simply requested: there is nothing to narrow. */
  assert(client: GoogleClient, assertion: Assertion): Promise<GoogleTokenResponse> {
    return this.refreshes.send(client.alias, () =>
      askByAssertion(assertion, {
        tokenUrl: this.#endpoints.token,
        timeoutMs: this.#timeoutMs,
        now: this.clock.now(),
        shutdown: this.shutdown.signal,
      }),
    );
  }

  /** Revokes the whole project's grant for the account. */
  async revoke(token: Secret): Promise<'revoked' | 'already_dead'> {
    // The token goes into the body: in the query string it would land in access logs (RFC 7009 section 2.1).
    const response = await postForm(
      this.#endpoints.revocation,
      { token },
      this.#timeoutMs,
      this.shutdown.signal,
    );
    if (response.status === 200) {
      // RFC 7009 section 2.2: the status decides. But a page is not Google's, and an error is no success.
      const isSuccess =
        response.body.trim() === '' || (readJsonObject(response.body)?.['error'] ?? null) === null;
      if (isSuccess && !response.body.trimStart().startsWith('<')) return 'revoked';
      throw new GoogleFailure('unavailable', 'invalid_response', 'The response to a revocation is invalid.');
    }
    const failure = classifyFailure({ ...response, during: 'refresh' });
    const { kind } = findFailure(REVOCATION_FAILURES, failure) ?? failure;
    if (response.status === 400 && kind === 'already_dead') return kind;
    throw failure;
  }

  async #askForTokens(
    during: 'exchange' | 'refresh',
    client: GoogleClient,
    fields: Readonly<Record<string, string | Secret>>,
    askedScopes: readonly string[],
    sent: Secret | null = null,
  ) {
    const startedAt = this.clock.now();
    const response = await postForm(
      this.#endpoints.token,
      { client_id: client.clientId, client_secret: client.clientSecret, ...fields },
      this.#timeoutMs,
      this.shutdown.signal,
    );
    if (response.status !== 200) throw classifyFailure({ ...response, during });
    return parseTokenEndpointResponse(response.body, startedAt, askedScopes, sent);
  }
}
