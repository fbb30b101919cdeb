import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { BrokerError } from '../domain/errors.js';
import { AuthorizationRequestStore } from '../domain/ports/authorization-request-store.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectLinks, type ConnectLink } from '../domain/ports/connect-links.js';
import { Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';

const LIFETIME_SECONDS = 30 * 60;
const PLACE = 'connect-ticket';

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
  ) {
    super();
  }

  override async create(wish: ConnectWish): Promise<ConnectLink> {
    const expiresAt = new Date(this.clock.now().getTime() + LIFETIME_SECONDS * 1000);
    const letter = { id: randomUUID(), wish, expiresAt: expiresAt.toISOString() };
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(letter)), PLACE);
    return { url: `${this.settings.publicUrl}/connect?ticket=${sealed}`, expiresAt };
  }

  /** @throws {BrokerError} `invalid_request`, with the reason: forged, expired or used */
  async open(sealed: string): Promise<Ticket> {
    const json = await this.sealer.open(sealed, PLACE).catch(() => {
      throw ticketRefused('ticket_invalid', 'This link is damaged or was not made by this broker.');
    });
    const { expiresAt, ...ticket } = JSON.parse(json.reveal()) as Ticket & { expiresAt: string };
    if (new Date(expiresAt) <= this.clock.now()) {
      throw ticketRefused('ticket_expired', 'This link is older than 30 minutes.');
    }
    if (await this.requests.isTicketUsed(ticket.id)) throw ticketUsed();
    return ticket;
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
