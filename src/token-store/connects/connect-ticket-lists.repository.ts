import { Injectable } from '@nestjs/common';
import type { ConnectTicket, TicketState } from '../../domain/connect/connect-ticket.js';
import type { Page } from '../../domain/list-position.js';
import { alongIndex, boundedScan, pageOf } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import { ConnectTicketsRepository } from './connect-tickets.repository.js';

/** The position of a ticket in the list. */
interface TicketPosition {
  readonly expiresAt: Date;
  readonly id: string;
}

interface TicketQuery {
  readonly serviceId: string | null;
  readonly state: TicketState | null;
  readonly now: Date;
  /** Where the last page ended; null for the first page. */
  readonly after: TicketPosition | null;
  readonly limit: number;
}

type Row = TicketPosition & { readonly visible: boolean; readonly row_number: number };

/** Along an index over all, or over those of a service. */
const LAST_FIRST = Prisma.sql`expires_at DESC, id DESC`;

/**
 * Connect tickets as an operator sees them: of all services, those that expire last first, which is nearly the order in which they
 * were made. Does not own the tickets, nor whether a row is as the broker wrote it (connect-tickets.repository.ts).
 */
@Injectable()
export class ConnectTicketListsRepository {
  constructor(
    private readonly database: Database,
    private readonly tickets: ConnectTicketsRepository,
  ) {}

  async find({
    serviceId,
    state,
    now,
    after,
    limit,
  }: TicketQuery): Promise<Page<ConnectTicket, TicketPosition>> {
    const along = serviceId === null ? Prisma.sql`TRUE` : Prisma.sql`service_id = ${serviceId}`;
    const behind =
      after === null ? Prisma.empty : Prisma.sql`AND (expires_at, id) < (${after.expiresAt}, ${after.id})`;
    const rows = Prisma.sql`SELECT id, expires_at, expires_at AS "expiresAt", state, ended_at
      FROM connect_tickets WHERE ${along} ${behind}`;
    const visible = state === null ? Prisma.sql`TRUE` : isInState(state, now);
    const query = boundedScan({ rows, visible, order: LAST_FIRST, limit });
    const found = await alongIndex<Row>(this.database, query);
    const page = pageOf(
      found,
      limit,
      ({ id }) => id,
      ({ expiresAt, id }) => ({ expiresAt, id }),
    );
    return { items: await this.tickets.findAll(page.items), next: page.next };
  }
}

/** Now, as `stateAt` says. */
function isInState(state: TicketState, now: Date): Prisma.Sql {
  const isOver = Prisma.sql`(ended_at IS NULL AND expires_at <= ${now})`;
  return Prisma.sql`CASE WHEN ${isOver} THEN 'expired' ELSE state END = ${state}`;
}
