import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { GoogleClient } from '../../../domain/google/oauth.js';
import { missingScopes } from '../../../domain/google/scopes.js';
import type { TokenEndpointResponse, VerifiedAccount } from '../../../domain/grant/grant.js';
import { Secret } from '../../../domain/secret.js';
import type { GoogleOAuthClient } from '../../../google/oauth/google-oauth.client.js';
import { credentialsPage } from '../../../pages/credentials-page.js';
import { EXIT, Failure } from '../../shared/failure.js';
import { explainGoogleFailure } from '../reach-google.js';
import { consentRefused, readReturn, refusedByGoogle, wrongReturn } from './authorization-response.js';
import { failed, type Loopback, type Visited } from './loopback.js';
import { openBrowser } from './open-browser.js';

export interface Asked {
  readonly client: GoogleClient;
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
}

export interface Consent {
  readonly account: VerifiedAccount;
  readonly refreshToken: Secret;
  readonly accessToken: Secret;
  readonly scopes: readonly string[];
  /** Asked for and not granted. */
  readonly missing: readonly string[];
}

/** One trip of the user to Google and back, remembered only here. */
export class ConsentTrip {
  readonly #verifier = new Secret(random());
  readonly #stateHash: Buffer;
  readonly #nonceHash: Buffer;
  /** Where the user has to go. */
  readonly url: string;

  constructor(
    private readonly google: GoogleOAuthClient,
    private readonly loopback: Loopback,
    private readonly asked: Asked,
  ) {
    const [state, nonce] = [random(), random()];
    this.#stateHash = hash(state);
    this.#nonceHash = hash(nonce);
    this.url = google.consentUrl({
      client: asked.client,
      redirectUri: loopback.redirectUri,
      purpose: 'consent',
      scopes: asked.scopes,
      state: new Secret(state),
      nonce: new Secret(nonce),
      verifier: this.#verifier,
      loginHint: asked.loginHint,
      hostedDomain: null,
      // Google gives a refresh token only with a consent screen.
      prompt: 'consent',
      // It prints what was asked for: nothing that another app of the project was allowed.
      includeGranted: false,
    });
  }

  /** @throws {Failure} for whatever keeps the consent from coming back whole */
  finish(seconds: number): Promise<Consent> {
    return this.loopback.receive((query) => this.#visit(query), seconds);
  }

  async #visit(query: URLSearchParams): Promise<Visited<Consent>> {
    try {
      const consent = await this.#exchange(query);
      const account = consent.account.email ?? consent.account.sub;
      const page =
        consent.missing.length === 0
          ? credentialsPage({ kind: 'done', account })
          : credentialsPage({ kind: 'in_part', account, missing: consent.missing });
      return { reply: { status: 200, page }, outcome: { value: consent } };
    } catch (error) {
      const failure = explainGoogleFailure(error, this.asked.client);
      const isDenied = failure instanceof Failure && failure.exitCode === EXIT.consentRefused;
      if (!isDenied) return failed(failure);
      return { reply: { status: 200, page: credentialsPage({ kind: 'denied' }) }, outcome: { failure } };
    }
  }

  async #exchange(query: URLSearchParams): Promise<Consent> {
    const { code, error, iss } = readReturn(query);
    const isOurs = timingSafeEqual(hash(query.get('state') ?? ''), this.#stateHash);
    // RFC 9207 section 2.4. Google has not always sent iss, so its absence is no fault.
    if (!isOurs || (iss !== null && !this.google.isIssuer(iss))) throw wrongReturn();
    if (error === 'access_denied') throw consentRefused();
    if (error !== null || code === null) throw refusedByGoogle(error ?? 'no code');
    const { client, scopes } = this.asked;
    const answer = await this.google.exchangeCode({
      client,
      redirectUri: this.loopback.redirectUri,
      code,
      verifier: this.#verifier,
      scopes,
    });
    const account = await this.google.verifyIdToken(answer.idToken, {
      client,
      isNonce: (nonce) => timingSafeEqual(hash(nonce), this.#nonceHash),
      receivedAt: answer.obtainedAt,
    });
    return {
      ...answer,
      account,
      refreshToken: lasting(answer),
      missing: missingScopes(scopes, answer.scopes),
    };
  }
}

function lasting({ refreshToken }: TokenEndpointResponse): Secret {
  if (refreshToken) return refreshToken;
  throw new Failure(
    EXIT.refused,
    'no_refresh_token',
    'Google gave no refresh token, though it was asked for one. Run the command again; if that does not help, remove ' +
      "the app's access at https://myaccount.google.com/connections first.",
  );
}

/** 256 bits, in the 43 characters that PKCE asks of a verifier (RFC 7636 section 4.1). */
function random(): string {
  return randomBytes(32).toString('base64url');
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export interface AccessPath {
  readonly url: string;
  readonly seconds: number;
  readonly withBrowser: boolean;
  /** Whether standard error is read by a machine. */
  readonly asJson: boolean;
}

/** Tells the user where to go, on standard error: standard output belongs to the answer. */
export function showAccessPath({ url, seconds, withBrowser, asJson }: AccessPath): void {
  if (asJson) process.stderr.write(`${JSON.stringify({ open: url, timeout_seconds: seconds })}\n`);
  else {
    process.stderr.write(
      `Paste this URL into your browser${withBrowser ? ', if it does not open by itself' : ''}:\n\n  ${url}\n\n` +
        `Waiting for you to finish there, for up to ${seconds} seconds. Ctrl-C stops.\n`,
    );
  }
  if (!withBrowser) return;
  openBrowser(url, () => {
    if (!asJson) process.stderr.write('No browser could be opened here.\n');
  });
}
