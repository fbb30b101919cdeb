import { randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { Grant, TokenAnswer, VerifiedAccount } from '../domain/grant.js';
import {
  AuthorizationRequestStore,
  type PendingAuthorization,
} from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConsentTrips, type Trip } from '../domain/ports/consent-trips.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { isRequiredAccount } from '../domain/required-account.js';
import { missingScopes } from '../domain/scopes.js';
import { Secret } from '../domain/secret.js';

/** What came back with the browser. */
export interface Return {
  readonly state: Secret;
  readonly code: Secret | null;
  readonly error: string | null;
  readonly iss: string | null;
  readonly browserKey: Secret | null;
}

export type Outcome =
  | {
      readonly kind: 'granted';
      readonly request: PendingAuthorization;
      readonly grant: Grant;
      readonly missing: string[];
    }
  | { readonly kind: 'denied'; readonly request: PendingAuthorization }
  | {
      readonly kind: 'failed';
      readonly request: PendingAuthorization;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly kind: 'again'; readonly trip: Trip };

@Injectable()
export class CompleteAuthorization {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestStore,
    private readonly grants: GrantStore,
    private readonly trips: ConsentTrips,
  ) {}

  /** @throws {BrokerError} `invalid_request` when this return belongs to no trip of this browser; nothing is stored then */
  async complete(back: Return): Promise<Outcome> {
    const request = await this.#claim(back);
    if (back.error === 'access_denied') return { kind: 'denied', request };
    if (back.error !== null || back.code === null) {
      return failed(request, back.error ?? 'code_missing', 'Google sent you back without a permission.');
    }
    try {
      return await this.#store(request, await this.#exchange(request, back.code));
    } catch (error) {
      if (error instanceof GoogleFailure) return failed(request, failureCode(error), failureDetail(error));
      throw error;
    }
  }

  /** Checks everything first and takes the state's one use last, so that a stranger cannot use it up. */
  async #claim({ state, iss, browserKey }: Return): Promise<PendingAuthorization> {
    const stateHash = this.sealer.fingerprint(state);
    const request = await this.requests.find(stateHash);
    const now = this.clock.now();
    if (!request) throw refused('state_unknown', 'This answer belongs to no connect that we know.');
    if (request.consumedAt) throw refused('state_used', 'This connect was finished already.');
    if (request.expiresAt <= now) throw refused('state_expired', 'This connect took longer than 10 minutes.');
    // RFC 6749 section 10.12: only the browser that began may finish.
    const binding = browserKey && this.sealer.fingerprint(browserKey);
    if (!binding || !timingSafeEqual(binding, request.browserHash)) {
      throw refused('other_browser', 'This connect was begun in another browser, or its cookie is gone.');
    }
    // RFC 9207 section 2.4. Google has not always sent iss, so its absence is no fault.
    if (iss !== null && !this.google.isIssuer(iss))
      throw refused('wrong_issuer', 'This answer does not come from Google.');
    if (!(await this.requests.consume(stateHash, now)))
      throw refused('state_used', 'This connect was finished already.');
    return request;
  }

  async #exchange(
    request: PendingAuthorization,
    code: Secret,
  ): Promise<TokenAnswer & { account: VerifiedAccount }> {
    const client = this.settings.clients.pick(request.client);
    return this.google.exchangeCode({
      client,
      code,
      redirectUri: this.settings.redirectUri,
      verifier: request.verifier,
      scopes: request.scopes,
      isNonce: (nonce) => timingSafeEqual(this.sealer.fingerprint(new Secret(nonce)), request.nonceHash),
    });
  }

  async #store(
    request: PendingAuthorization,
    answer: TokenAnswer & { account: VerifiedAccount },
  ): Promise<Outcome> {
    const { account } = answer;
    if (request.requireAccount && !isRequiredAccount(account, request.requireAccount)) {
      return failed(
        request,
        'wrong_account',
        'You chose another Google account than the one that was asked for.',
      );
    }
    const grant = await this.grants.saveConsent({
      userId: request.userId,
      client: request.client,
      account,
      requestedScopes: request.scopes,
      answer,
      now: this.clock.now(),
    });
    if (grant)
      return { kind: 'granted', request, grant, missing: missingScopes(request.scopes, grant.grantedScopes) };
    if (request.forcedConsent) {
      return failed(
        request,
        'no_refresh_token',
        'Google gave no lasting permission, though we asked for one.',
      );
    }
    // Google leaves the refresh token out when it showed no consent screen. Ask once more, with one.
    const trip = await this.trips.begin(
      { ...request, ticketId: randomUUID(), accountHint: account.email ?? account.sub },
      true,
    );
    return { kind: 'again', trip };
  }
}

function refused(reason: string, what: string): BrokerError {
  return new BrokerError(
    'invalid_request',
    `${what} Go back to the app; if it is not connected, start again there.`,
    {
      reason,
    },
  );
}

function failed(request: PendingAuthorization, code: string, detail: string): Outcome {
  return { kind: 'failed', request, code, detail };
}

function failureCode({ kind }: GoogleFailure): string {
  if (kind === 'unavailable') return 'google_unavailable';
  if (kind === 'client_rejected') return 'client_misconfigured';
  return kind;
}

function failureDetail({ kind, error }: GoogleFailure): string {
  if (kind === 'unavailable')
    return 'Google did not answer in time. Nothing is wrong with your account; try again.';
  if (kind === 'client_rejected')
    return `Google refuses this broker (${error}). Its operator must mend that.`;
  if (kind === 'policy_rejected') return 'The administrator of your Google Workspace does not allow this.';
  return `Google did not accept the answer it had given (${error}). Try again.`;
}
