/**
 * OpenID Connect with the issuer of the console: where the browser is sent, and whom its answer proves. The checks are those of
 * oauth4webapi (state, nonce, verifier, `iss`, and the claims and signature of the id_token); the requests are sent by outbound/.
 * Does not own who may use the console (domain/access/console-role.ts).
 */
import { Injectable, Logger } from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import type { ConsoleSettings } from '../../config/console.js';
import { Settings } from '../../config/settings.js';
import type { ConsoleIdentity } from '../../domain/access/console-role.js';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { isPlainText } from '../../domain/text.js';
import { CachedResource } from '../../outbound/cached-resource.js';
import { send } from '../../outbound/http-client.js';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 512 * 1024;
const MAX_EMAIL = 320;
const DISCOVERY_TIMES = {
  freshMs: 3600_000,
  staleMs: 24 * 3600_000,
  cooldownMs: 10_000,
  retryMs: 1000,
};

/** What a sign-in that is under way must be answered with. */
export type PendingSignIn = {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
};

@Injectable()
export class IdentityProvider {
  readonly #log = new Logger('ConsoleSignIn');
  readonly #server: CachedResource<oauth.AuthorizationServer>;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    this.#server = new CachedResource(
      () => this.#discover(),
      () => clock.monotonicMs(),
      DISCOVERY_TIMES,
    );
  }

  newSignIn(): PendingSignIn {
    return {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
    };
  }

  /** @throws {BrokerError} `issuer_unavailable` */
  async authorizationUrl({ state, nonce, verifier }: PendingSignIn): Promise<string> {
    const { clientId, redirectUri } = this.#console;
    const { authorization_endpoint: endpoint } = await this.#discovered();
    const url = new URL(endpoint ?? '');
    const parameters = {
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid email',
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      // Whose session this becomes is for the person to say, not for the browser's last use.
      prompt: 'select_account',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /**
   * Exchanges the code of an authorization response, once.
   * @param response the parameters that the browser brought
   * @throws {BrokerError} `invalid_request` or `not_allowed` for an answer that proves no identity, `issuer_unavailable`
   */
  async identify(response: URLSearchParams, pending: PendingSignIn): Promise<ConsoleIdentity> {
    // Before `iss` is looked for (RFC 9207): Google names none in an error. The state shows whose sign-in ends.
    if (response.get('error') === 'access_denied' && response.get('state') === pending.state)
      throw new BrokerError('not_allowed', 'You did not allow the console to see who you are.', {
        reason: 'access_denied',
      });
    const server = await this.#discovered();
    const { isGoogle } = this.#console;
    let claims: oauth.IDToken | undefined;
    try {
      claims = await this.#exchange(server, response, pending);
    } catch (error) {
      throw this.#refusalOf(error);
    }
    const email = claims?.['email'];
    if (typeof email !== 'string' || email.length > MAX_EMAIL || !isPlainText(email) || !email.includes('@'))
      throw new BrokerError('not_allowed', 'Your account has no email address.', { reason: 'no_email' });
    if (claims?.['email_verified'] !== true) {
      throw new BrokerError(
        'not_allowed',
        `The address ${email} is not verified: nothing proves that it is yours.`,
        { reason: 'email_unverified' },
      );
    }
    const hd = isGoogle ? claims['hd'] : null;
    return { email, hostedDomain: typeof hd === 'string' ? hd : null };
  }

  async #exchange(
    server: oauth.AuthorizationServer,
    response: URLSearchParams,
    { state, nonce, verifier }: PendingSignIn,
  ): Promise<oauth.IDToken | undefined> {
    const { clientSecret, redirectUri } = this.#console;
    const client = this.#client();
    const parameters = oauth.validateAuthResponse(server, client, response, state);
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const secret = clientSecret.reveal();
    const authentication = methods.includes('client_secret_post')
      ? oauth.ClientSecretPost(secret)
      : oauth.ClientSecretBasic(secret);
    const options = this.#options();
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      parameters,
      redirectUri,
      verifier,
      options,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    // It came by TLS from the issuer, which OpenID Connect Core section 3.1.3.7 lets count; the signature proves it by itself.
    await oauth.validateApplicationLevelSignature(server, answer, options);
    return oauth.getValidatedIdTokenClaims(tokens);
  }

  /** @throws {BrokerError} `issuer_unavailable` */
  async #discovered(): Promise<oauth.AuthorizationServer> {
    try {
      return await this.#server.get();
    } catch (error) {
      this.#log.warn({ err: error }, 'the issuer of the console cannot be reached');
      throw UNAVAILABLE();
    }
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(this.#console.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, this.#options()));
  }

  /** What the issuer said is logged by its code, never with the answer. */
  #refusalOf(error: unknown): BrokerError {
    if (error instanceof BrokerError) return error;
    const { code, error: answered } = error as { code?: unknown; error?: unknown };
    this.#log.warn({ code, answered }, 'a sign-in to the console failed');
    const isRejected =
      error instanceof oauth.OperationProcessingError ||
      error instanceof oauth.AuthorizationResponseError ||
      error instanceof oauth.ResponseBodyError;
    if (!isRejected) return UNAVAILABLE();
    return new BrokerError('invalid_request', 'The answer does not belong to a sign-in of this browser.', {
      reason: 'sign_in_rejected',
    });
  }

  /** Lifetimes go by the broker's clock, like all others. */
  #client(): oauth.Client {
    const skew = Math.round((this.clock.now().getTime() - Date.now()) / 1000);
    return { client_id: this.#console.clientId, [oauth.clockSkew]: skew, [oauth.clockTolerance]: 30 };
  }

  #options() {
    return {
      // oxlint-disable-next-line typescript/no-deprecated -- the configuration allows http for this machine only
      [oauth.allowInsecureRequests]: this.#console.issuer.startsWith('http:'),
      [oauth.customFetch]: fetchOutbound,
    };
  }

  get #console(): ConsoleSettings {
    if (this.settings.console === null) throw new Error('The console is off.');
    return this.settings.console;
  }
}

const UNAVAILABLE = () =>
  new BrokerError('issuer_unavailable', 'The sign-in service does not answer. Try again in a moment.', {
    retry_after: 5,
  });

/** As fetch, with the limits and proxies of every request of the broker. */
async function fetchOutbound(
  url: string,
  { method, headers, body }: oauth.CustomFetchOptions<'GET' | 'POST', URLSearchParams | undefined>,
): Promise<Response> {
  const answer = await send(url, {
    method,
    headers,
    ...(body instanceof URLSearchParams ? { body } : {}),
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
  });
  const type = answer.headers.get('content-type') ?? '';
  return new Response(answer.body, { status: answer.status, headers: { 'content-type': type } });
}
