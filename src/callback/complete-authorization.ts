import { randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { HeldGrantCheck } from '../authorization/held-grant-check.js';
import { type AuthorizationRedirect, StartAuthorization } from '../authorization/start-authorization.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import { causeOfRedirect } from '../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { type ConnectRequest, meetsRequirement } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import type { CodeExchangeResponse } from '../domain/google/oauth.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import { ServiceCache } from '../services/service-cache.js';
import {
  AuthorizationRequestsRepository,
  type PendingAuthorization,
} from '../token-store/connects/authorization-requests.repository.js';
import { CodeExchange } from './code-exchange.js';
import { outcomeOfFailure, outcomeOfRefusal, WRONG_ACCOUNT } from './consent-outcome.js';
import { FinishExchange } from './finish-exchange.js';

/** The authorization response (RFC 6749 section 4.1.2), and the cookie of the browser that brought it. */
export interface AuthorizationResponse {
  readonly state: Secret;
  readonly code: Secret | null;
  /** Of the form of an error code, or `unknown_error`. */
  readonly error: string | null;
  readonly errorSubtype: string | null;
  readonly iss: string | null;
  readonly browserKey: Secret | null;
}

export type Completion = { readonly connectRequest: ConnectRequest } & (
  | { readonly outcome: ConnectOutcome }
  /** The browser must go to Google again. */
  | { readonly redirect: AuthorizationRedirect }
);

/** Finds the authorization request of a response, checks state, age, browser and issuer, and consumes the state. */
@Injectable()
export class AuthorizationResponseValidator {
  constructor(
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
  ) {}

  /**
   * Consumes the state after every other check, so that a stranger cannot use it up.
   * @param onRequest called when the request is found, before it is checked
   * @throws {BrokerError} `invalid_request`, with the reason
   */
  async validate(
    { state, iss, browserKey }: AuthorizationResponse,
    onRequest: (connectRequest: ConnectRequest) => void,
  ): Promise<PendingAuthorization> {
    const stateHash = this.sealer.fingerprint(state, 'state');
    const request = await this.requests.find(stateHash);
    const now = this.clock.now();
    if (!request) throw refused('state_unknown', 'This answer belongs to no connect that is in progress.');
    onRequest(request.connectRequest);
    if (request.consumedAt) throw refused('state_used', 'This connect was finished already.');
    if (request.expiresAt <= now) {
      throw refused('state_expired', 'This connect took longer than 10 minutes.');
    }
    // RFC 6749 section 10.12: only the browser that started may finish.
    const binding = browserKey && this.sealer.fingerprint(browserKey, 'browser-key');
    if (!binding || !timingSafeEqual(binding, request.browserHash)) {
      throw refused('other_browser', 'This connect was started in another browser, or its cookie is gone.');
    }
    // RFC 9207 section 2.4. Google has not always sent iss, so a missing one is accepted.
    if (iss !== null && !this.google.isIssuer(iss)) {
      throw refused('wrong_issuer', 'This answer does not come from Google.');
    }
    if (!(await this.requests.consume(stateHash, now))) {
      throw refused('state_used', 'This connect was finished already.');
    }
    return request;
  }
}

/** The walk of a code: validate the response, exchange the code once, store the result, verify it, make the grant. */
@Injectable()
export class CompleteAuthorization {
  constructor(
    private readonly heldGrants: HeldGrantCheck,
    private readonly startAuthorization: StartAuthorization,
    private readonly services: ServiceCache,
    private readonly validator: AuthorizationResponseValidator,
    private readonly codeExchange: CodeExchange,
    private readonly finishExchange: FinishExchange,
  ) {}

  /**
   * @param onRequest called as soon as the connect is known, whatever its outcome
   * @throws {BrokerError} `invalid_request` when the response belongs to no request of this browser; nothing is stored
   */
  async complete(
    response: AuthorizationResponse,
    requestId: string,
    onRequest: (connectRequest: ConnectRequest) => void,
  ): Promise<Completion> {
    const request = await this.validator.validate(response, onRequest);
    const { connectRequest } = request;
    const next = await this.#handle(request, response, requestId);
    return 'kind' in next ? { connectRequest, outcome: next } : { connectRequest, redirect: next };
  }

  async #handle(
    request: PendingAuthorization,
    { error, errorSubtype, code }: AuthorizationResponse,
    requestId: string,
  ): Promise<ConnectOutcome | AuthorizationRedirect> {
    const { connectRequest, purpose } = request;
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    if (ended) return outcomeOfRefusal(ended);
    if (error === 'access_denied') return { kind: 'denied' };
    if (error !== null || code === null) {
      return {
        kind: 'failed',
        code: error ?? 'code_missing',
        detail: 'Google sent you back without a permission. Nothing was stored.',
        cause: causeOfRedirect(error),
        ...(error === null ? {} : { google: { error, subtype: errorSubtype } }),
      };
    }
    try {
      const tokens = await this.codeExchange.exchange(request, code);
      return await (purpose === 'identify'
        ? this.#requestConsent(request, tokens, requestId)
        : this.#storeAndFinish(request, tokens, requestId));
    } catch (fault) {
      if (fault instanceof GoogleFailure) return outcomeOfFailure(fault);
      if (fault instanceof BrokerError && fault.code === 'slots_full') return outcomeOfRefusal(fault);
      throw fault;
    }
  }

  /** After a sign-in: the account is known, no slot is taken, and the consent follows where it is needed. */
  async #requestConsent(
    { connectRequest, nonceHash }: PendingAuthorization,
    answer: CodeExchangeResponse,
    requestId: string,
  ): Promise<ConnectOutcome | AuthorizationRedirect> {
    const account = await this.finishExchange.verifyAccount({ connectRequest, nonceHash, answer });
    if (!meetsRequirement(account, connectRequest.requireAccount)) return WRONG_ACCOUNT;
    const known = { ...connectRequest, accountHint: account.sub };
    if (await this.heldGrants.isConnected(known, requestId)) return { kind: 'held' };
    return this.startAuthorization.again(connectRequest, account, false);
  }

  async #storeAndFinish(
    { connectRequest, forcedConsent, includedGranted, nonceHash }: PendingAuthorization,
    answer: CodeExchangeResponse,
    requestId: string,
  ): Promise<ConnectOutcome | AuthorizationRedirect> {
    const exchange = {
      id: randomUUID(),
      connectRequest,
      forcedConsent,
      includedGranted,
      nonceHash,
      answer,
      requestId,
      codeHash: null,
    };
    // Stored first: the code cannot be exchanged again, and every later step can fail.
    await this.codeExchange.store(exchange);
    const finished = await this.finishExchange
      .finish(exchange)
      .catch((fault: unknown) => this.finishExchange.postpone(exchange, fault));
    return finished.kind === 'again'
      ? this.startAuthorization.again(connectRequest, finished.account, true)
      : finished;
  }
}

function refused(reason: string, what: string): BrokerError {
  const detail = `${what} Go back to the app; if it is not connected, start again there.`;
  return new BrokerError('invalid_request', detail, { reason });
}
