import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';
import { type ConnectOutcome, outcomeOfGrant } from '../../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../../domain/connect/connect-request.js';
import {
  changeBy,
  type ConnectTicket,
  type TicketChange,
  type TicketState,
} from '../../domain/connect/connect-ticket.js';
import type { Consent, SavedConsent } from '../../domain/grant/consent.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import type { Change } from '../change-feed/change-listener.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import { endableBy, type EndableOfUser } from '../client/endable-by.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';
import type { ConnectTicket as Row, Prisma } from '../prisma-client/client.js';
import { connectTicketAad } from '../sealed/aad.js';

type Tables = Pick<Prisma.TransactionClient, 'connectTicket'>;

/** Where a list of due tickets continues. */
export type DuePosition = Pick<Row, 'expiresAt' | 'id'>;

/** What no column shows. */
interface SealedRequest {
  readonly connectRequest: ConnectRequest;
  readonly outcome: ConnectOutcome | null;
}

const MAX_KNOWN = 50_000;
/** How long the outcome can be read, at least, after it ended or expired. */
const KEEP_MS = 24 * 3600_000;

/**
 * Connect tickets. The seal of each row is bound to all of its columns: one that was added, changed or put together in the
 * database does not exist for callers, and raises an alarm; nor does an older row that was put back whole, as long as a process
 * runs that saw the newer one. Every change is compare-and-set on the version, and is published to all replicas by a trigger.
 * Does not own which change may follow which (domain/connect/connect-ticket.ts, and the features).
 */
@Injectable()
export class ConnectTicketsRepository {
  /** The newest version that this process saw. */
  readonly #versions = new LRUCache<string, number>(cacheBound(MAX_KNOWN));

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * One of a sealed link publishes a change of the user's grants, as triggers do for grants: a refusal that is cached must not
   * lead to a link that was used.
   * @returns false when there is, or was, one with this id; then nothing is stored
   */
  async add(ticket: ConnectTicket): Promise<boolean> {
    if (this.#versions.has(ticket.id)) return false;
    const { userId, client } = ticket.connectRequest;
    const change = JSON.stringify({ kind: 'grant', userId, client } satisfies Change);
    const create = this.database.connectTicket.create({ data: await this.#seal(ticket) });
    try {
      if (ticket.secretHash) await create;
      else {
        const notify = this.database.$queryRaw`SELECT pg_notify('token_broker', ${change})::text`;
        await this.database.$transaction([create, notify]);
      }
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
    this.#versions.set(ticket.id, ticket.version);
    return true;
  }

  /** @returns null when there is none, or it is not as the broker wrote it */
  find(id: string): Promise<ConnectTicket | null> {
    return this.#find(this.database, id);
  }

  /** As `find`, of several, in the order of the ids. */
  async findAll(ids: readonly string[]): Promise<ConnectTicket[]> {
    const known = new Map(ids.map((id) => [id, this.#versions.get(id) ?? 0]));
    const rows = await this.database.connectTicket.findMany({ where: { id: { in: [...ids] } } });
    const opened = await Promise.all(rows.map((row) => this.#open(row, known.get(row.id) ?? 0)));
    const byId = new Map(opened.flatMap((ticket) => (ticket ? [[ticket.id, ticket] as const] : [])));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  /**
   * For a transaction that ends the ticket: no other change comes in between.
   * @returns null when it has ended
   */
  async lock(tx: Prisma.TransactionClient, id: string): Promise<ConnectTicket | null> {
    await tx.$queryRaw`SELECT id FROM connect_tickets WHERE id = ${id} FOR UPDATE`;
    const ticket = await this.#find(tx, id);
    return ticket?.endedAt === null ? ticket : null;
  }

  /** @returns the changed ticket; null when it changed since it was read, and is as it was then stored */
  async change(
    ticket: ConnectTicket,
    change: TicketChange,
    tx: Tables = this.database,
  ): Promise<ConnectTicket | null> {
    const changed = { ...ticket, ...change, version: ticket.version + 1 };
    const { count } = await tx.connectTicket.updateMany({
      where: { id: ticket.id, version: ticket.version },
      data: await this.#seal(changed),
    });
    return count === 1 ? changed : null;
  }

  /** With the response to its code exchange, in its transaction: the ticket does not expire before the broker has finished it. */
  async keepOpen(tx: Prisma.TransactionClient, id: string, until: Date): Promise<void> {
    const ticket = await this.lock(tx, id);
    if (ticket && ticket.expiresAt < until) await this.change(ticket, { expiresAt: until }, tx);
  }

  /** With a grant, in its transaction: the service that waits learns of it when it is there, and not before. */
  async endBy(
    tx: Prisma.TransactionClient,
    ticket: ConnectTicket | null,
    { ticket: facts, requestedScopes, now }: Consent,
    saved: SavedConsent,
  ): Promise<SavedConsent> {
    if (!facts || !ticket || saved.kind !== 'saved') return saved;
    const outcome = outcomeOfGrant(saved.grant, requestedScopes, saved.unrequested, facts.insteadOf);
    await this.change(ticket, changeBy(outcome, facts.requestId, now, now), tx);
    return saved;
  }

  /** After the commit of a change: the callers that wait in this process need not wait for the notification. */
  published({ id, version }: ConnectTicket): void {
    this.#versions.set(id, Math.max(version, this.#versions.get(id) ?? 0));
    this.changes.publish({ kind: 'ticket', id });
  }

  /** Those of a user that can still lead to a grant, and that a caller may end. */
  openOfUser(
    { userId, now, ...caller }: EndableOfUser,
    limit: number,
  ): Promise<Pick<Row, 'id' | 'serviceId' | 'client'>[]> {
    return this.database.connectTicket.findMany({
      where: { userId, endedAt: null, expiresAt: { gt: now }, ...endableBy(caller) },
      select: { id: true, serviceId: true, client: true },
      orderBy: { createdAt: 'asc' },
      take: limit,
    });
  }

  /**
   * Those whose time is over and that did not end. Some rows may not open: `last` continues after them.
   * @param last the last row of the batch before; null at the beginning
   * @returns `last` is null when there are no more
   */
  async findDue(now: Date, limit: number, last: DuePosition | null) {
    const beyond = last && {
      OR: [{ expiresAt: { gt: last.expiresAt } }, { expiresAt: last.expiresAt, id: { gt: last.id } }],
    };
    const rows = await this.database.connectTicket.findMany({
      where: { endedAt: null, expiresAt: { lte: now }, ...beyond },
      orderBy: [{ expiresAt: 'asc' }, { id: 'asc' }],
      take: limit,
    });
    const tickets = await Promise.all(rows.map((row) => this.#open(row, 0)));
    return {
      tickets: tickets.filter((ticket) => ticket !== null),
      last: rows.length === limit ? (rows.at(-1) ?? null) : null,
    };
  }

  /** Deletes what was over long ago, also what does not open. */
  async prune(now: Date, shutdown?: AbortSignal): Promise<void> {
    const before = new Date(now.getTime() - KEEP_MS);
    const old = { where: { expiresAt: { lt: before } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.connectTicket.deleteMany(old)).count, shutdown);
  }

  async #find(tables: Tables, id: string): Promise<ConnectTicket | null> {
    // Before the query: the row may be changed by this process while it is read.
    const known = this.#versions.get(id) ?? 0;
    const row = await tables.connectTicket.findUnique({ where: { id } });
    return row && this.#open(row, known);
  }

  async #seal({ connectRequest, outcome, ...columns }: ConnectTicket): Promise<Row> {
    const { serviceId, userId, client } = connectRequest;
    const bound = { ...columns, serviceId, userId, client };
    const payload: SealedRequest = { connectRequest, outcome };
    const sealedRequest = await this.sealer.seal(
      new Secret(JSON.stringify(payload)),
      connectTicketAad(bound),
    );
    return { ...bound, sealedRequest };
  }

  async #open(row: Row, known: number): Promise<ConnectTicket | null> {
    const { sealedRequest, ...bound } = row;
    try {
      const opened = await this.sealer.open(sealedRequest, connectTicketAad(bound));
      if (row.version < known) throw new SealBroken('A newer version was stored, and an older one put back.');
      if (row.version > known) this.#versions.set(row.id, row.version);
      const { serviceId: _, userId: __, client: ___, ...columns } = bound;
      const payload = JSON.parse(opened.reveal()) as SealedRequest;
      return {
        ...columns,
        ...payload,
        state: columns.state as TicketState,
        reason: columns.reason as ConnectTicket['reason'],
      };
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'connect_ticket', id: row.id, reason: error.message });
      return null;
    }
  }
}
