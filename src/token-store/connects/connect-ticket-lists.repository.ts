import { Injectable } from '@nestjs/common';
import type { ConnectTicket, TicketState } from '../../domain/connect/connect-ticket.js';
import type { Page } from '../../domain/page.js';
import { alongIndex, boundedScan, pageOf } from '../client/bounded-scan.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import { ConnectTicketsRepository } from './connect-tickets.repository.js';

/** The position of a ticket in the list. */
interface TicketPosition {
  readonly expiresAt: Date;
  readonly id: string;
}

interface TicketFilter {
  readonly serviceId: string | null;
  readonly state: TicketState | null;
  readonly now: Date;
}

interface TicketQuery extends TicketFilter {
  /** Where the last page ended; null for the first page. */
  readonly after: TicketPosition | null;
  readonly limit: number;
}

type Row = TicketPosition & { readonly visible: boolean; readonly row_number: number };

/** Along the index that finds what is over. */
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

  async find({ after, limit, ...filter }: TicketQuery): Promise<Page<ConnectTicket, TicketPosition>> {
    const behind =
      after === null ? Prisma.empty : Prisma.sql`WHERE (expires_at, id) < (${after.expiresAt}, ${after.id})`;
    const rows = Prisma.sql`SELECT id, expires_at, expires_at AS "expiresAt", service_id, state, ended_at
      FROM connect_tickets ${behind}`;
    const query = boundedScan({ rows, visible: visibleTo(filter), order: LAST_FIRST, limit });
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

/** By the state now, as `stateAt` says. */
function visibleTo({ serviceId, state, now }: TicketFilter): Prisma.Sql {
  const isOver = Prisma.sql`(ended_at IS NULL AND expires_at <= ${now})`;
  const conditions = [
    ...(serviceId === null ? [] : [Prisma.sql`service_id = ${serviceId}`]),
    ...(state === null ? [] : [Prisma.sql`CASE WHEN ${isOver} THEN 'expired' ELSE state END = ${state}`]),
  ];
  return conditions.length === 0 ? Prisma.sql`TRUE` : Prisma.join(conditions, ' AND ');
}
