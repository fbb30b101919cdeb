import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { choosePrompt } from '../domain/prompt.js';
import { AuthorizationRequestStore } from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConsentTrips, type Trip, type TripWish } from '../domain/ports/consent-trips.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';
import { ticketUsed } from './connect-ticket.js';

/** How long a user may take on Google's pages. */
const LIFETIME_SECONDS = 10 * 60;

@Injectable()
export class StartAuthorization extends ConsentTrips {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestStore,
    private readonly grants: GrantStore,
  ) {
    super();
  }

  override async begin(wish: TripWish, forceConsent = false): Promise<Trip> {
    const client = this.settings.clients.get(wish.client);
    if (!client) {
      throw new BrokerError('invalid_request', `The broker no longer serves a client called ${wish.client}.`);
    }
    const [state, nonce, verifier, browserKey] = [
      randomSecret(),
      randomSecret(),
      randomSecret(),
      randomSecret(),
    ];
    const held = await this.grants.findByUser(wish.userId, wish.client);
    const prompt = forceConsent ? 'consent' : choosePrompt(held, wish.accountHint);
    const now = this.clock.now();
    const stored = await this.requests.add(
      {
        ticketId: wish.ticketId,
        serviceId: wish.serviceId,
        serviceName: wish.serviceName,
        userId: wish.userId,
        client: wish.client,
        scopes: wish.scopes,
        accountHint: wish.accountHint,
        requireAccount: wish.requireAccount,
        returnTo: wish.returnTo,
        forcedConsent: prompt === 'consent',
        verifier,
        createdAt: now,
        expiresAt: new Date(now.getTime() + LIFETIME_SECONDS * 1000),
      },
      {
        stateHash: this.sealer.fingerprint(state),
        nonceHash: this.sealer.fingerprint(nonce),
        browserHash: this.sealer.fingerprint(browserKey),
      },
    );
    if (!stored) throw ticketUsed();
    const consentUrl = this.google.consentUrl({
      client,
      redirectUri: this.settings.redirectUri,
      scopes: wish.scopes,
      state,
      nonce,
      verifier,
      loginHint: wish.accountHint ?? wish.requireAccount?.email ?? wish.requireAccount?.sub ?? null,
      hostedDomain: wish.requireAccount?.hd ?? null,
      prompt,
    });
    return { consentUrl, id: this.idOf(state), browserKey, seconds: LIFETIME_SECONDS };
  }

  override idOf(state: Secret): string {
    return Buffer.from(this.sealer.fingerprint(state)).toString('base64url').slice(0, 12);
  }
}

/** 256 bits, in the 43 characters that PKCE asks of a verifier (RFC 7636 section 4.1). */
function randomSecret(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}
