import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { authorityEnded } from '../domain/connect/connect-authority.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { Sealer } from '../sealing/sealer.js';
import { ServiceCache } from '../services/service-cache.js';
import { AuthorizationRequestsRepository } from '../token-store/connects/authorization-requests.repository.js';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

const LIFETIME_SECONDS = 30 * 60;
const PLACE = 'connect-ticket';
/** A link longer than this fails in browsers and proxies; the page takes no longer one. */
export const MAX_TICKET = 8000;

export interface Ticket {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
}

/**
 * Makes the links that take a user to consent. Refusals carry one, so that the way on is one click.
 *
 * A connect ticket is a sealed letter from a service to the broker, carried by the user's browser: nobody can
 * read, change or forge it, and it needs no row until it is used. Its first use makes its id unique.
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

  /** @throws {BrokerError} `invalid_request` for more than a link can carry */
  async create(connectRequest: ConnectRequest): Promise<ConnectLink> {
    const expiresAt = new Date(this.clock.now().getTime() + LIFETIME_SECONDS * 1000);
    return { url: await this.#seal(connectRequest, expiresAt), expiresAt };
  }

  /**
   * One more link for the same connect, that ends when its first link ends. @returns null when that is over
   */
  async renew(connectRequest: ConnectRequest): Promise<string | null> {
    const expiresAt = new Date(connectRequest.linkExpiresAt ?? 0);
    return expiresAt <= this.clock.now() ? null : this.#seal(connectRequest, expiresAt);
  }

  /**
   * @param whose called when the broker made the ticket, before it is judged
   * @throws {BrokerError} `invalid_request`, with the reason: forged, expired or used; `not_allowed`: the service that
   * made it may not ask for this any more
   */
  async open(sealed: string, whose: (connectRequest: ConnectRequest) => void): Promise<Ticket> {
    const json = await this.sealer.open(sealed, PLACE).catch(() => {
      throw ticketRefused('ticket_invalid', 'This link is damaged or was not made by this broker.');
    });
    const { expiresAt, ...ticket } = JSON.parse(json.reveal()) as Ticket & { expiresAt: string };
    whose(ticket.connectRequest);
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

  async #seal(connectRequest: ConnectRequest, expiresAt: Date): Promise<string> {
    const payload = {
      id: randomUUID(),
      connectRequest: { ...connectRequest, linkExpiresAt: expiresAt.toISOString() },
      expiresAt: expiresAt.toISOString(),
    };
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(payload)), PLACE);
    if (sealed.length > MAX_TICKET) {
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
  return new BrokerError(
    'invalid_request',
    `${what} Go back to the app you came from and start again there.`,
    {
      reason,
    },
  );
}
