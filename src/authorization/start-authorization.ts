import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { choosePrompt, findHeldGrant, livingGrants } from '../domain/connect/held-grant.js';
import type { Account } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import {
  type AuthorizationRequest,
  AuthorizationRequestsRepository,
} from '../token-store/connects/authorization-requests.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { type Ticket, ticketUsed } from './connect-ticket.js';
import { SlotCheck } from './slot-check.js';

export interface Trip {
  readonly consentUrl: string;
  /** Names the browser's cookie; derived from the state, so that the callback finds it. */
  readonly id: string;
  /** Goes into the browser's cookie; the callback demands it back. */
  readonly browserKey: Secret;
  /** How long the user may take, in seconds. */
  readonly seconds: number;
}

/** How long a user may take on Google's pages. */
const LIFETIME_SECONDS = 10 * 60;

export type Start = { readonly kind: 'trip'; readonly trip: Trip } | { readonly kind: 'held' };

type Asking = Pick<AuthorizationRequest, 'purpose'> & {
  readonly prompt: 'consent' | 'select_account' | null;
  /** Whom to suggest to Google. */
  readonly account: string | null;
  readonly includeGranted: boolean;
};

/** Before it is known which account it is: no other permission may be included. */
const SIGN_IN = { purpose: 'identify', prompt: 'select_account', includeGranted: false } as const;

/** Sends users to Google. The callback uses it as well, when one trip was not enough. */
@Injectable()
export class StartAuthorization {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
    private readonly grants: GrantsRepository,
    private readonly slots: SlotCheck,
  ) {}

  /**
   * Uses up a ticket.
   * @throws {BrokerError} `invalid_request` when it was used before, `slots_full` when it would harm another user
   */
  async begin({ id, connectRequest }: Ticket): Promise<Start> {
    const grants = await this.grants.findIntact(
      connectRequest.userId,
      connectRequest.client,
      this.clock.now(),
    );
    if (!connectRequest.anotherAccount && findHeldGrant(grants, connectRequest)) {
      await this.#store(
        id,
        connectRequest,
        { ...SIGN_IN, purpose: 'consent', account: null },
        this.clock.now(),
      );
      return { kind: 'held' };
    }
    await this.slots.assertRoom(connectRequest);
    const account =
      connectRequest.accountHint ??
      connectRequest.requireAccount?.email ??
      connectRequest.requireAccount?.sub ??
      null;
    // Which of the user's grants the consent adds to must be known before Google is asked to add to it.
    const isUnclear = account === null && livingGrants(grants, null).length > 0;
    const trip =
      isUnclear || (await this.slots.mustIdentify(connectRequest))
        ? await this.#go(id, connectRequest, { ...SIGN_IN, account })
        : await this.#go(id, connectRequest, {
            purpose: 'consent',
            prompt: choosePrompt(grants, account, connectRequest.scopes),
            account,
            includeGranted: account !== null && livingGrants(grants, account).length > 0,
          });
    return { kind: 'trip', trip };
  }

  /**
   * One more trip of the same browser for the same wish.
   * @param account where the last trip showed which one it is
   * @param forceConsent asks Google for a consent screen, and so for a refresh token
   * @throws BrokerError `slots_full` when it would kill another user's grant
   */
  async again(connectRequest: ConnectRequest, { sub, email }: Account, forceConsent: boolean): Promise<Trip> {
    const grants = await this.grants.findIntact(
      connectRequest.userId,
      connectRequest.client,
      this.clock.now(),
    );
    await this.slots.assertRoom(connectRequest, sub);
    return this.#go(randomUUID(), connectRequest, {
      purpose: 'consent',
      prompt: forceConsent ? 'consent' : choosePrompt(grants, sub, connectRequest.scopes),
      account: email ?? sub,
      includeGranted: livingGrants(grants, sub).length > 0,
    });
  }

  /** The id of the trip that a state belongs to. */
  idOf(state: Secret): string {
    return Buffer.from(this.sealer.fingerprint(state, 'cookie-name')).toString('base64url').slice(0, 12);
  }

  async #go(ticketId: string, connectRequest: ConnectRequest, asking: Asking): Promise<Trip> {
    const { state, nonce, verifier, browserKey } = await this.#store(ticketId, connectRequest, asking, null);
    const consentUrl = this.google.consentUrl({
      client: this.settings.clients.pick(connectRequest.client),
      redirectUri: this.settings.redirectUri,
      purpose: asking.purpose,
      scopes: asking.purpose === 'identify' ? [] : connectRequest.scopes,
      state,
      nonce,
      verifier,
      loginHint: asking.account,
      hostedDomain: connectRequest.requireAccount?.hd ?? null,
      prompt: asking.prompt,
      includeGranted: asking.includeGranted,
    });
    return { consentUrl, id: this.idOf(state), browserKey, seconds: LIFETIME_SECONDS };
  }

  async #store(
    ticketId: string,
    connectRequest: ConnectRequest,
    { purpose, prompt, includeGranted }: Asking,
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
