import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import type { Account } from '../domain/grant.js';
import { findHeldGrant } from '../domain/held-grant.js';
import { choosePrompt, livingGrants } from '../domain/prompt.js';
import {
  AuthorizationRequestStore,
  type AuthorizationRequest,
} from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConsentTrips, type Trip } from '../domain/ports/consent-trips.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';
import { CheckSlots } from './check-slots.js';
import { ticketUsed, type Ticket } from './connect-ticket.js';

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

@Injectable()
export class StartAuthorization extends ConsentTrips {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestStore,
    private readonly grants: GrantStore,
    private readonly slots: CheckSlots,
  ) {
    super();
  }

  /**
   * Uses up a ticket.
   * @throws {BrokerError} `invalid_request` when it was used before, `slots_full` when it would harm another user
   */
  async begin({ id, wish }: Ticket): Promise<Start> {
    const grants = await this.grants.findIntact(wish.userId, wish.client, this.clock.now());
    if (!wish.anotherAccount && findHeldGrant(grants, wish)) {
      await this.#store(id, wish, { ...SIGN_IN, purpose: 'consent', account: null }, this.clock.now());
      return { kind: 'held' };
    }
    await this.slots.demandRoom(wish);
    const account = wish.accountHint ?? wish.requireAccount?.email ?? wish.requireAccount?.sub ?? null;
    // Which of the user's grants the consent adds to must be known before Google is asked to add to it.
    const isUnclear = account === null && livingGrants(grants, null).length > 0;
    const trip =
      isUnclear || (await this.slots.mustIdentify(wish))
        ? await this.#go(id, wish, { ...SIGN_IN, account })
        : await this.#go(id, wish, {
            purpose: 'consent',
            prompt: choosePrompt(grants, account, wish.scopes),
            account,
            includeGranted: account !== null && livingGrants(grants, account).length > 0,
          });
    return { kind: 'trip', trip };
  }

  override async again(wish: ConnectWish, { sub, email }: Account, forceConsent: boolean): Promise<Trip> {
    const grants = await this.grants.findIntact(wish.userId, wish.client, this.clock.now());
    await this.slots.demandRoom(wish, sub);
    return this.#go(randomUUID(), wish, {
      purpose: 'consent',
      prompt: forceConsent ? 'consent' : choosePrompt(grants, sub, wish.scopes),
      account: email ?? sub,
      includeGranted: livingGrants(grants, sub).length > 0,
    });
  }

  override idOf(state: Secret): string {
    return Buffer.from(this.sealer.fingerprint(state, 'cookie-name')).toString('base64url').slice(0, 12);
  }

  async #go(ticketId: string, wish: ConnectWish, asking: Asking): Promise<Trip> {
    const { state, nonce, verifier, browserKey } = await this.#store(ticketId, wish, asking, null);
    const consentUrl = this.google.consentUrl({
      client: this.settings.clients.pick(wish.client),
      redirectUri: this.settings.redirectUri,
      purpose: asking.purpose,
      scopes: asking.purpose === 'identify' ? [] : wish.scopes,
      state,
      nonce,
      verifier,
      loginHint: asking.account,
      hostedDomain: wish.requireAccount?.hd ?? null,
      prompt: asking.prompt,
      includeGranted: asking.includeGranted,
    });
    return { consentUrl, id: this.idOf(state), browserKey, seconds: LIFETIME_SECONDS };
  }

  async #store(
    ticketId: string,
    wish: ConnectWish,
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
        wish,
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
