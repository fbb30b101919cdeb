import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { OpenedTicket } from '../connect-tickets/connect-tickets.service.js';
import { ticketUsed } from '../connect-tickets/ticket-refusals.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { textOf } from '../domain/cell.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import type { ConnectTicket } from '../domain/connect/connect-ticket.js';
import { choosePrompt, combinePrompts, extendableGrants } from '../domain/connect/held-grant.js';
import { hasPrompt, type Prompt } from '../domain/google/oauth.js';
import type { Account, Grant } from '../domain/grant/grant.js';
import { after, Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import {
  type AuthorizationRequest,
  AuthorizationRequestsRepository,
} from '../token-store/connects/authorization-requests.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { HeldGrantCheck } from './held-grant-check.js';
import { SlotCheck } from './slot-check.js';

export type Start =
  /** Google's consent page. */
  | { readonly kind: 'redirect'; readonly consentUrl: string }
  /** Without Google: all is held already, or it may not be asked for. */
  | { readonly kind: 'ended'; readonly outcome: ConnectOutcome }
  /** It had an outcome before. */
  | { readonly kind: 'settled'; readonly ticket: ConnectTicket };

type RequestOptions = Pick<AuthorizationRequest, 'purpose'> & {
  readonly prompt: Prompt | null;
  /** Becomes login_hint. */
  readonly account: string | null;
  readonly includeGranted: boolean;
  /** Of Google's pages, where the ticket names none. */
  readonly locale: string | null;
};

/** How long a user may take on Google's pages. */
const LIFETIME_SECONDS = 10 * 60;

/** Before the account is known: the consent must not include another account's permissions. */
const SIGN_IN = { purpose: 'identify', prompt: 'select_account', includeGranted: false } as const;

/**
 * Creates and stores authorization requests: state, nonce and PKCE verifier, for a ticket that is bound to a browser. The
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
    private readonly progress: TicketProgress,
  ) {}

  /**
   * Begins a connect, or resumes it: each time with a state, nonce and verifier of its own.
   * @param browserKey of the browser's cookie; the callback requires it
   * @param locale of this browser, where the ticket names none
   * @throws {BrokerError} `invalid_request` when another browser has begun; `slots_full` when it would evict another user's refresh token
   */
  async begin(
    { id, connectRequest }: Pick<OpenedTicket, 'id' | 'connectRequest'>,
    browserKey: Secret,
    requestId: string,
    locale: string | null,
  ): Promise<Start> {
    const stored = await this.progress.findOrAdd(id, connectRequest);
    const hash = hashOfBrowserKey(this.sealer, browserKey);
    const ticket = stored && (await this.progress.begin(stored, hash, requestId, LIFETIME_SECONDS));
    if (!ticket) throw ticketUsed();
    if (ticket.outcome) return { kind: 'settled', ticket };
    const isToAsk = connectRequest.anotherAccount || connectRequest.prompt !== undefined;
    const held = isToAsk ? null : await this.heldGrants.find(connectRequest, requestId);
    if (held) {
      const outcome = { kind: 'held', grantId: held.id, account: held.account } as const;
      const ended = await this.progress.end(id, outcome, requestId);
      if (ended && !ended.isNew) return { kind: 'settled', ticket: ended.ticket };
      return { kind: 'ended', outcome };
    }
    const grants = await this.#grantsFor(connectRequest);
    await this.slots.assertFreeSlot(connectRequest);
    const { accountHint, requireAccount } = connectRequest;
    const account = accountHint ?? requireAccount?.email ?? requireAccount?.sub ?? null;
    // include_granted_scopes adds to the grant of one account, so the account must be known first.
    const mayChoose = account === null || hasPrompt(connectRequest.prompt, 'select_account');
    const isUnclear = mayChoose && extendableGrants(grants, null).length > 0;
    const consentUrl =
      isUnclear || (await this.slots.mustIdentify(connectRequest))
        ? await this.#consentUrl(ticket, { ...SIGN_IN, account, locale })
        : await this.#consentUrl(ticket, {
            purpose: 'consent',
            prompt: combinePrompts(connectRequest.prompt, choosePrompt(grants, account, connectRequest)),
            account,
            includeGranted:
              account !== null && includesGranted(connectRequest, extendableGrants(grants, account)),
            locale,
          });
    return { kind: 'redirect', consentUrl };
  }

  /**
   * Another authorization request of the same browser for the same connect.
   * @param account the account that the last response identified
   * @param forceConsent asks Google for a consent screen, and so for a refresh token
   * @param locale of this browser, where the ticket names none
   * @returns the consent URL
   * @throws {BrokerError} `slots_full` when it would evict another user's refresh token
   */
  async again(
    ticket: ConnectTicket,
    { sub, email }: Account,
    forceConsent: boolean,
    requestId: string,
    locale: string | null,
  ): Promise<string> {
    const { connectRequest } = ticket;
    const grants = await this.#grantsFor(connectRequest);
    await this.slots.assertFreeSlot(connectRequest, sub);
    const needed = forceConsent ? 'consent' : choosePrompt(grants, sub, connectRequest);
    // The account was chosen at the sign-in.
    const asked = hasPrompt(connectRequest.prompt, 'consent') ? 'consent' : null;
    const consentUrl = await this.#consentUrl(ticket, {
      purpose: 'consent',
      prompt: combinePrompts(asked, needed),
      account: email ?? sub,
      includeGranted: includesGranted(connectRequest, extendableGrants(grants, sub)),
      locale,
    });
    await this.progress.releaseClaim(ticket, requestId, LIFETIME_SECONDS);
    return consentUrl;
  }

  #grantsFor({ userId, client }: ConnectRequest): Promise<Grant[]> {
    return this.grants.findVerified(userId, client, this.clock.now());
  }

  async #consentUrl(ticket: ConnectTicket, options: RequestOptions): Promise<string> {
    const { connectRequest } = ticket;
    const { state, nonce, verifier } = await this.#store(ticket, options);
    return this.google.consentUrl({
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
      locale: connectRequest.locale ?? options.locale,
      includeGranted: options.includeGranted,
    });
  }

  /** State and nonce as digests; the PKCE verifier sealed, for the exchange of the code. */
  async #store(
    { id, connectRequest, browserHash }: ConnectTicket,
    { purpose, prompt, includeGranted }: RequestOptions,
  ) {
    if (!browserHash) throw ticketUsed();
    const secrets = {
      state: randomSecret(this.settings.cell),
      nonce: randomSecret(),
      verifier: randomSecret(),
    };
    const now = this.clock.now();
    await this.requests.add(
      {
        ticketId: `${id}.${randomUUID()}`,
        connectRequest,
        purpose,
        forcedConsent: hasPrompt(prompt, 'consent'),
        includedGranted: includeGranted,
        verifier: secrets.verifier,
        createdAt: now,
        expiresAt: after(now, LIFETIME_SECONDS),
        consumedAt: null,
      },
      {
        stateHash: this.sealer.fingerprint(secrets.state, 'state'),
        nonceHash: this.sealer.fingerprint(secrets.nonce, 'nonce'),
        browserHash,
      },
    );
    return secrets;
  }
}

/** Whether to send include_granted_scopes: the service may say no. */
function includesGranted({ includeGranted }: ConnectRequest, extendable: readonly Grant[]): boolean {
  return includeGranted !== false && extendable.length > 0;
}

/** What is stored of a browser's key; the key itself is in its cookie (browser-binding-cookie.ts). */
export function hashOfBrowserKey(sealer: Sealer, key: Secret): Uint8Array<ArrayBuffer> {
  return sealer.fingerprint(key, 'browser-key');
}

/** In constant time. */
export function isHashOfBrowserKey(sealer: Sealer, hash: Uint8Array, key: Secret): boolean {
  const expected = hashOfBrowserKey(sealer, key);
  return expected.length === hash.length && timingSafeEqual(expected, hash);
}

/** 256 bits, in the 43 characters that PKCE asks of a verifier (RFC 7636 section 4.1). @param cell in front of what a router reads */
export function randomSecret(cell: string | null = null): Secret {
  return new Secret(textOf(cell, randomBytes(32).toString('base64url')));
}
