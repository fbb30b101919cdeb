import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { choosePrompt, renewableGrants } from '../domain/connect/held-grant.js';
import type { Account, Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import {
  type AuthorizationRequest,
  AuthorizationRequestsRepository,
} from '../token-store/connects/authorization-requests.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { type Ticket, ticketUsed } from '../connect-tickets/connect-ticket.js';
import { HeldGrantCheck } from './held-grant-check.js';
import { SlotCheck } from './slot-check.js';

/** Takes a browser to Google with one authorization request, and binds it to that browser. */
export interface AuthorizationRedirect {
  readonly consentUrl: string;
  /** Names the browser's cookie; derived from the state, so that the callback finds it. */
  readonly id: string;
  /** Goes into the browser's cookie; the callback requires it. */
  readonly browserKey: Secret;
  /** Lifetime of the authorization request, in seconds. */
  readonly seconds: number;
}

export type Start =
  { readonly kind: 'redirect'; readonly redirect: AuthorizationRedirect } | { readonly kind: 'held' };

type RequestOptions = Pick<AuthorizationRequest, 'purpose'> & {
  readonly prompt: 'consent' | 'select_account' | null;
  /** Becomes login_hint. */
  readonly account: string | null;
  readonly includeGranted: boolean;
};

/** How long a user may take on Google's pages. */
const LIFETIME_SECONDS = 10 * 60;

/** Before the account is known: the consent must not include another account's permissions. */
const SIGN_IN = { purpose: 'identify', prompt: 'select_account', includeGranted: false } as const;

/**
 * Creates and stores authorization requests: state, nonce and PKCE verifier, and a key for the browser's cookie. The
 * callback uses it too, when one request to Google is not enough. Decides the prompt and incremental authorization
 * (include_granted_scopes).
 * Does not own the URL of the consent page with its code_challenge (google/oauth/google-oauth.client.ts).
 */
@Injectable()
export class StartAuthorization {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
    private readonly grants: GrantsRepository,
    private readonly heldGrants: HeldGrantCheck,
    private readonly slots: SlotCheck,
  ) {}

  /**
   * Consumes a ticket.
   * @throws {BrokerError} `invalid_request` when it was used before, `slots_full` when it would harm another user
   */
  async begin({ id, connectRequest }: Ticket, requestId: string): Promise<Start> {
    if (!connectRequest.anotherAccount && (await this.heldGrants.isConnected(connectRequest, requestId))) {
      const options = { ...SIGN_IN, purpose: 'consent', account: null } as const;
      await this.#store(id, connectRequest, options, this.clock.now());
      return { kind: 'held' };
    }
    const grants = await this.#grantsFor(connectRequest);
    await this.slots.assertFreeSlot(connectRequest);
    const { accountHint, requireAccount } = connectRequest;
    const account = accountHint ?? requireAccount?.email ?? requireAccount?.sub ?? null;
    // include_granted_scopes adds to the grant of one account, so the account must be known first.
    const isUnclear = account === null && renewableGrants(grants, null).length > 0;
    const redirect =
      isUnclear || (await this.slots.mustIdentify(connectRequest))
        ? await this.#redirect(id, connectRequest, { ...SIGN_IN, account })
        : await this.#redirect(id, connectRequest, {
            purpose: 'consent',
            prompt: choosePrompt(grants, account, connectRequest.scopes),
            account,
            includeGranted: account !== null && renewableGrants(grants, account).length > 0,
          });
    return { kind: 'redirect', redirect };
  }

  /**
   * Another authorization request of the same browser for the same connect.
   * @param account the account that the last response identified
   * @param forceConsent asks Google for a consent screen, and so for a refresh token
   * @throws {BrokerError} `slots_full` when it would evict another user's refresh token
   */
  async again(
    connectRequest: ConnectRequest,
    { sub, email }: Account,
    forceConsent: boolean,
  ): Promise<AuthorizationRedirect> {
    const grants = await this.#grantsFor(connectRequest);
    await this.slots.assertFreeSlot(connectRequest, sub);
    return this.#redirect(randomUUID(), connectRequest, {
      purpose: 'consent',
      prompt: forceConsent ? 'consent' : choosePrompt(grants, sub, connectRequest.scopes),
      account: email ?? sub,
      includeGranted: renewableGrants(grants, sub).length > 0,
    });
  }

  /** The id of the authorization request with this state. */
  idOf(state: Secret): string {
    return Buffer.from(this.sealer.fingerprint(state, 'cookie-name')).toString('base64url').slice(0, 12);
  }

  #grantsFor({ userId, client }: ConnectRequest): Promise<Grant[]> {
    return this.grants.findVerified(userId, client, this.clock.now());
  }

  async #redirect(
    ticketId: string,
    connectRequest: ConnectRequest,
    options: RequestOptions,
  ): Promise<AuthorizationRedirect> {
    const { state, nonce, verifier, browserKey } = await this.#store(ticketId, connectRequest, options, null);
    const consentUrl = await this.google.consentUrl({
      client: this.settings.clients.pick(connectRequest.client),
      redirectUri: this.settings.redirectUri,
      purpose: options.purpose,
      scopes: options.purpose === 'identify' ? [] : connectRequest.scopes,
      state,
      nonce,
      verifier,
      loginHint: options.account,
      hostedDomain: connectRequest.requireAccount?.hd ?? null,
      prompt: options.prompt,
      includeGranted: options.includeGranted,
    });
    return { consentUrl, id: this.idOf(state), browserKey, seconds: LIFETIME_SECONDS };
  }

  async #store(
    ticketId: string,
    connectRequest: ConnectRequest,
    { purpose, prompt, includeGranted }: RequestOptions,
    consumedAt: Date | null,
  ) {
    const secrets = {
      state: randomSecret(),
      nonce: randomSecret(),
      verifier: randomSecret(),
      browserKey: randomSecret(),
    };
    const now = this.clock.now();
    const stored = await this.requests.add(
      {
        ticketId,
        connectRequest,
        purpose,
        forcedConsent: prompt === 'consent',
        includedGranted: includeGranted,
        verifier: secrets.verifier,
        createdAt: now,
        expiresAt: new Date(now.getTime() + LIFETIME_SECONDS * 1000),
        consumedAt,
      },
      {
        stateHash: this.sealer.fingerprint(secrets.state, 'state'),
        nonceHash: this.sealer.fingerprint(secrets.nonce, 'nonce'),
        browserHash: this.sealer.fingerprint(secrets.browserKey, 'browser-key'),
      },
    );
    if (!stored) throw ticketUsed();
    return secrets;
  }
}

/** 256 bits, in the 43 characters that PKCE asks of a verifier (RFC 7636 section 4.1). */
function randomSecret(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}
