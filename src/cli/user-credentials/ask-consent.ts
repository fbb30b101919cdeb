import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { GoogleClient } from '../../domain/google-client.js';
import type { TokenAnswer, VerifiedAccount } from '../../domain/grant.js';
import type { Google } from '../../domain/ports/google.js';
import { missingScopes } from '../../domain/scopes.js';
import { Secret } from '../../domain/secret.js';
import { credentialsPage } from '../../pages/credentials-page.js';
import { EXIT, Failure } from '../failure.js';
import { explainGoogleFailure } from '../reach-google.js';
import { failed, type Loopback, type Visited } from './loopback.js';
import { consentRefused, readReturn, refusedByGoogle, wrongReturn } from './read-return.js';

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
    private readonly google: Google,
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

function lasting({ refreshToken }: TokenAnswer): Secret {
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
