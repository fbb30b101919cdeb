import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { authorityEnded } from '../domain/connect-authority.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { AuthorizationRequestStore } from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectLinks, type ConnectLink } from '../domain/ports/connect-links.js';
import { Sealer } from '../domain/ports/sealer.js';
import { ServiceDirectory } from '../domain/ports/service-directory.js';
import { Secret } from '../domain/secret.js';

const LIFETIME_SECONDS = 30 * 60;
const PLACE = 'connect-ticket';
/** A link longer than this fails in browsers and proxies; the page takes no longer one. */
export const LONGEST_TICKET = 8000;

export interface Ticket {
  readonly id: string;
  readonly wish: ConnectWish;
}

/**
 * A connect ticket is a sealed letter from a service to the broker, carried by the user's browser: nobody can
 * read, change or forge it, and it needs no row until it is used. Its first use makes its id unique.
 */
@Injectable()
export class ConnectTickets extends ConnectLinks {
  constructor(
    private readonly settings: Settings,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestStore,
    private readonly services: ServiceDirectory,
  ) {
    super();
  }

  override async create(wish: ConnectWish): Promise<ConnectLink> {
    const expiresAt = new Date(this.clock.now().getTime() + LIFETIME_SECONDS * 1000);
    return { url: await this.#seal(wish, expiresAt), expiresAt };
  }

  override async renew(wish: ConnectWish): Promise<string | null> {
    const expiresAt = new Date(wish.linkExpiresAt ?? 0);
    return expiresAt <= this.clock.now() ? null : this.#seal(wish, expiresAt);
  }

  /**
   * @param whose called when the broker made the ticket, before it is judged
   * @throws {BrokerError} `invalid_request`, with the reason: forged, expired or used; `not_allowed`: the service that
   * made it may not ask for this any more
   */
  async open(sealed: string, whose: (wish: ConnectWish) => void): Promise<Ticket> {
    const json = await this.sealer.open(sealed, PLACE).catch(() => {
      throw ticketRefused('ticket_invalid', 'This link is damaged or was not made by this broker.');
    });
    const { expiresAt, ...ticket } = JSON.parse(json.reveal()) as Ticket & { expiresAt: string };
    whose(ticket.wish);
    if (new Date(expiresAt) <= this.clock.now()) {
      throw ticketRefused('ticket_expired', 'This link is older than 30 minutes.');
    }
    if (await this.requests.isTicketUsed(ticket.id)) throw ticketUsed();
    const ended = authorityEnded(ticket.wish, await this.services.findActive(ticket.wish.serviceId));
    if (ended) throw ended;
    return ticket;
  }

  async #seal(wish: ConnectWish, expiresAt: Date): Promise<string> {
    const letter = {
      id: randomUUID(),
      wish: { ...wish, linkExpiresAt: expiresAt.toISOString() },
      expiresAt: expiresAt.toISOString(),
    };
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(letter)), PLACE);
    if (sealed.length > LONGEST_TICKET) {
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
