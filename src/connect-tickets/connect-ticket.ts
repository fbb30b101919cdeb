import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isEmail } from 'class-validator';
import { Settings } from '../config/settings.js';
import { assertAllowed, assertMay, type Service } from '../domain/access/policy.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import { assertReturnTo, type ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';
import { Sealer } from '../sealing/sealer.js';
import { ServiceCache } from '../services/service-cache.js';
import { AuthorizationRequestsRepository } from '../token-store/connects/authorization-requests.repository.js';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

const LIFETIME_SECONDS = 30 * 60;
const AAD = 'connect-ticket';
/** Browsers and proxies fail on a longer link. */
export const MAX_TICKET_LENGTH = 8000;

export const REQUIREMENT_RULE = 'must be an object with email, sub or hd.';

export interface Ticket {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
}

/**
 * Issues and opens connect tickets, and the links that take a user to consent. Refusals carry such a link, so that
 * the next step is one click.
 *
 * A ticket is a connect request, sealed, that the user's browser carries: no other party can read, change or forge it.
 * It needs no row until it is used; the first use stores its unique id.
 */
@Injectable()
export class ConnectTickets {
  constructor(
    private readonly settings: Settings,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
    private readonly services: ServiceCache,
  ) {}

  /**
   * A link for a request that a service composed itself.
   * @throws {BrokerError} `invalid_request` or `not_allowed`
   */
  async issue(service: Service, request: ConnectRequest): Promise<ConnectLink> {
    const { userId, client, scopes, returnTo, requireAccount } = request;
    assertAllowed(service, userId, client, scopes);
    if (request.force) assertMay(service, 'force');
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
    return this.create(request);
  }

  /** @throws {BrokerError} `invalid_request`: the ticket is too long for a link */
  async create(request: ConnectRequest): Promise<ConnectLink> {
    const expiresAt = new Date(this.clock.now().getTime() + LIFETIME_SECONDS * 1000);
    return { url: await this.#seal(request, expiresAt), expiresAt };
  }

  /**
   * Another link for the same connect, which expires with the first one.
   * @returns null after the first link has expired
   */
  async renew(request: ConnectRequest): Promise<string | null> {
    const expiresAt = new Date(request.linkExpiresAt ?? 0);
    return expiresAt <= this.clock.now() ? null : this.#seal(request, expiresAt);
  }

  /**
   * @param onRequest called as soon as the ticket proves to be the broker's, before it is checked further
   * @throws {BrokerError} `invalid_request`, with the reason: forged, expired or used; `not_allowed`: the service that
   * made the ticket may no longer ask for this
   */
  async open(sealed: string, onRequest: (request: ConnectRequest) => void): Promise<Ticket> {
    const json = await this.sealer.open(sealed, AAD).catch(() => {
      throw ticketRefused('ticket_invalid', 'This link is damaged or incomplete.');
    });
    const { expiresAt, ...ticket } = JSON.parse(json.reveal()) as Ticket & { expiresAt: string };
    onRequest(ticket.connectRequest);
    if (new Date(expiresAt) <= this.clock.now()) {
      throw ticketRefused('ticket_expired', 'This link is older than 30 minutes.');
    }
    if (await this.requests.isTicketUsed(ticket.id)) throw ticketUsed();
    const ended = authorityEnded(
      ticket.connectRequest,
      await this.services.findActive(ticket.connectRequest.serviceId),
    );
    if (ended) throw ended;
    return ticket;
  }

  async #seal(request: ConnectRequest, expiresAt: Date): Promise<string> {
    const payload = {
      id: randomUUID(),
      connectRequest: { ...request, linkExpiresAt: expiresAt.toISOString() },
      expiresAt: expiresAt.toISOString(),
    };
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(payload)), AAD);
    if (sealed.length > MAX_TICKET_LENGTH) {
      throw invalidRequest({
        scope:
          'and the other members are together more than a link can carry. Ask for fewer scopes, or shorten return_to.',
      });
    }
    return `${this.settings.publicUrl}/connect?ticket=${sealed}`;
  }
}

export function ticketUsed(): BrokerError {
  return ticketRefused('ticket_used', 'This link was used already; it works once.');
}

function ticketRefused(reason: string, what: string): BrokerError {
  const detail = `${what} Go back to the app you came from and start again there.`;
  return new BrokerError('invalid_request', detail, { reason });
}

/** Whether Google accepts the text as login_hint: an email address or a `sub`. */
export function isLoginHint(value: string): boolean {
  if (!isPlainText(value)) return false;
  return value.includes('@') ? isEmail(value, { require_tld: false }) : /^[\x21-\x7e]{1,255}$/.test(value);
}
