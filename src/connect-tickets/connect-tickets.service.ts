import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isEmail } from 'class-validator';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { isShortId, splitCell, textOf, uuidOf } from '../domain/cell.js';
import { assertMayRequest, authorityEnded } from '../domain/connect/connect-authority.js';
import { outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import {
  assertReturnTo,
  type ConnectRequest,
  type TicketPurpose,
} from '../domain/connect/connect-request.js';
import type { ConnectTicket } from '../domain/connect/connect-ticket.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { SUB } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';
import { Sealer } from '../sealing/sealer.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { ServiceCache } from '../services/service-cache.js';
import { generateShortId, sameHash } from '../services/service-key.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';
import { newTicket } from './ticket-progress.js';
import { backToApp, ticketExpired, ticketInvalid } from './ticket-refusals.js';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

const LIFETIME_SECONDS = 30 * 60;
const AAD = 'connect-ticket';
/** Browsers and proxies fail on a longer link. */
export const MAX_TICKET_LENGTH = 8000;
/** Where the link of each purpose leads. */
const PATHS: Readonly<Record<TicketPurpose, string>> = { connect: '/connect', manage: '/me/grants' };
/** ct_, the id, and 128 bits of secret. */
const STORED = /^ct_([^_]+)_([\w-]{22})$/;

export const REQUIREMENT_RULE = 'must be an object with email, sub or hd.';

/** A ticket by its link. */
export interface OpenedTicket {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
  /** Null: a sealed one that was not used. */
  readonly stored: ConnectTicket | null;
}

/**
 * Makes and opens the links that take a user to consent. A service's ticket is a row, and its link holds the id and a secret. A
 * link in a refusal holds the whole request, sealed: a refusal writes nothing, and most of these links are never opened. It gets
 * a row once it is used. No other party can read, change or forge either of them.
 * Does not own what happens to a ticket after that (ticket-progress.ts).
 */
@Injectable()
export class ConnectTickets {
  constructor(
    private readonly settings: Settings,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly tickets: ConnectTicketsRepository,
    private readonly services: ServiceCache,
    private readonly metrics: ConnectMetrics,
  ) {}

  /**
   * Stores a ticket for a request that a service composed itself.
   * @throws {BrokerError} `invalid_request` or `not_allowed`
   */
  async store(
    service: Service,
    request: ConnectRequest,
    requestId: string | null,
  ): Promise<ConnectLink & { readonly id: string }> {
    const { returnTo, requireAccount } = request;
    assertMayRequest(service, request);
    if (returnTo !== null) assertReturnTo(returnTo, this.settings.returnToOrigins);
    if (request.confirm && returnTo === null) {
      throw invalidRequest({
        return_to: 'is needed with confirm: the app gets the code to confirm with there.',
      });
    }
    // An empty requirement would admit any account.
    if (requireAccount && Object.values(requireAccount).every((condition) => condition === undefined)) {
      throw invalidRequest({ require_account: REQUIREMENT_RULE });
    }
    const id = textOf(this.settings.cell, generateShortId());
    const secret = randomBytes(16).toString('base64url');
    const now = this.clock.now();
    const expiresAt = this.#expiry(now);
    await this.tickets.add({
      ...newTicket(id, { ...request, linkExpiresAt: expiresAt.toISOString() }, now, expiresAt),
      requestId,
      secretHash: this.#hashOf(secret),
    });
    const url = this.#link(`ct_${id}_${secret}`, request.purpose);
    this.#countLink(request.purpose);
    return { id, url, expiresAt };
  }

  /** A sealed link. @throws {BrokerError} `invalid_request`: the ticket is too long for a link */
  async sealedLink(request: ConnectRequest): Promise<ConnectLink> {
    const expiresAt = this.#expiry(this.clock.now());
    const url = await this.#seal(request, expiresAt);
    this.#countLink();
    return { url, expiresAt };
  }

  /**
   * Another link for the same connect, which expires with the first one; without its reasons where they are too long for a
   * sealed one. Each load of a page makes one: it counts from its first use on.
   * @returns null after the first link has expired, and where a sealed one cannot carry the request
   */
  async retryLink(request: ConnectRequest): Promise<string | null> {
    const expiresAt = new Date(request.linkExpiresAt ?? 0);
    if (expiresAt <= this.clock.now()) return null;
    const { reasons, ...plain } = request;
    try {
      return await this.#seal(request, expiresAt);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return reasons ? this.retryLink(plain) : null;
    }
  }

  /** How long the link is still valid; null where it is not known. */
  minutesLeft({ linkExpiresAt }: ConnectRequest): number | null {
    if (linkExpiresAt === null) return null;
    return Math.max(1, Math.floor((new Date(linkExpiresAt).getTime() - this.clock.now().getTime()) / 60_000));
  }

  /**
   * Whatever its state: an outcome is shown again.
   * @param onRequest called as soon as the ticket proves to be the broker's
   * @throws {BrokerError} `invalid_request`: forged or incomplete, or for another page
   */
  async open(
    text: string,
    purpose: TicketPurpose,
    onRequest: (request: ConnectRequest, id: string) => void,
  ): Promise<OpenedTicket> {
    const [, id, secret] = STORED.exec(text) ?? [];
    const opened =
      id === undefined || secret === undefined || !isShortId(id)
        ? await this.#openSealed(text)
        : await this.#openStored(id, secret);
    if ((opened.connectRequest.purpose ?? 'connect') !== purpose) throw ticketInvalid();
    onRequest(opened.connectRequest, opened.id);
    return opened;
  }

  /**
   * @throws {BrokerError} `invalid_request`, with the reason: the link has expired; `not_allowed`: the service that made the
   * ticket may no longer ask for this
   */
  async assertUsable({ connectRequest }: Pick<OpenedTicket, 'connectRequest'>): Promise<void> {
    this.assertNotExpired(connectRequest);
    const ended = authorityEnded(connectRequest, await this.services.findActive(connectRequest.serviceId));
    if (!ended) return;
    const { code, detail, extensions } = ended;
    const back = backToApp(connectRequest, outcomeOfRefusal(ended));
    throw new BrokerError(code, detail, { ...extensions, ...back });
  }

  /** @throws {BrokerError} `invalid_request`: the link has expired */
  assertNotExpired(connectRequest: ConnectRequest): void {
    if (new Date(connectRequest.linkExpiresAt ?? 0) > this.clock.now()) return;
    throw ticketExpired(connectRequest);
  }

  async #openStored(id: string, secret: string): Promise<OpenedTicket> {
    const stored = await this.tickets.find(id);
    if (!stored?.secretHash || !sameHash(stored.secretHash, this.#hashOf(secret))) throw ticketInvalid();
    return { id, connectRequest: stored.connectRequest, stored };
  }

  async #openSealed(text: string): Promise<OpenedTicket> {
    const { cell, rest } = splitCell(text);
    // Those that were made before there were cells have none.
    if (cell !== null && cell !== this.settings.cell) throw ticketInvalid();
    const json = await this.sealer.open(rest, AAD).catch(() => {
      throw ticketInvalid();
    });
    const { id, connectRequest } = JSON.parse(json.reveal()) as Omit<OpenedTicket, 'stored'>;
    return { id, connectRequest, stored: await this.tickets.find(id) };
  }

  async #seal(request: ConnectRequest, expiresAt: Date): Promise<string> {
    const payload = {
      id: uuidOf(this.settings.cell, randomUUID()),
      connectRequest: { ...request, linkExpiresAt: expiresAt.toISOString() },
    };
    const text = await this.sealer.seal(new Secret(JSON.stringify(payload)), AAD);
    const sealed = textOf(this.settings.cell, text);
    if (sealed.length > MAX_TICKET_LENGTH) {
      throw invalidRequest({
        scope:
          'and the other members are together more than a link can carry. Ask for fewer scopes, or shorten return_to.',
      });
    }
    return this.#link(sealed);
  }

  /** Links of services, of the operator, of refusals and of the page of a user's grants. */
  #countLink(purpose: TicketPurpose = 'connect'): void {
    if (purpose === 'connect') this.metrics.step('link', 'ok');
  }

  #link(ticket: string, purpose: TicketPurpose = 'connect'): string {
    return `${this.settings.publicUrl}${PATHS[purpose]}?ticket=${ticket}`;
  }

  #expiry(now: Date): Date {
    return new Date(now.getTime() + LIFETIME_SECONDS * 1000);
  }

  #hashOf(secret: string): Uint8Array<ArrayBuffer> {
    return this.sealer.fingerprint(new Secret(secret), 'connect-ticket');
  }
}

export const LOGIN_HINT_RULE = "must be an email address, or Google's id of the account (sub).";

/** Whether Google accepts the text as login_hint: an email address or a `sub`. */
export function isLoginHint(value: string): boolean {
  if (!isPlainText(value)) return false;
  return value.includes('@') ? isEmail(value, { require_tld: false }) : SUB.test(value);
}
