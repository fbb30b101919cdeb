import { Injectable } from '@nestjs/common';
import { type ConnectEnd, endOf } from '../domain/connect/connect-end.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import {
  changeBy,
  type ConnectTicket,
  EXCHANGE_SECONDS,
  type TicketChange,
} from '../domain/connect/connect-ticket.js';
import { after, Clock } from '../domain/ports/clock.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';

/** How long a connect without a link may take: the operator's, at the command line. */
const LIFETIME_MS = 30 * 60_000;

/** One that only begins to exist. */
export function newTicket(
  id: string,
  connectRequest: ConnectRequest,
  now: Date,
  expiresAt: Date,
): ConnectTicket {
  return {
    id,
    connectRequest,
    state: 'created',
    outcome: null,
    reason: null,
    grantId: null,
    requestId: null,
    secretHash: null,
    browserHash: null,
    createdAt: now,
    openedAt: null,
    startedAt: null,
    endedAt: null,
    expiresAt,
    exchangingUntil: null,
    version: 1,
  };
}

/** An end that a call brought about, or the end that had come before it. */
export interface EndedTicket {
  readonly ticket: ConnectTicket;
  readonly isNew: boolean;
}

export interface CancelledTicket extends EndedTicket {
  /** What is counted and audited where this call ended it. */
  readonly end: ConnectEnd;
}

/**
 * The steps of a ticket, from its link to its outcome. Each is one compare-and-set, and an ended ticket never changes again: of
 * several tabs, clicks and replicas one decides, and the others see what it decided.
 * Does not own the checks before a step (authorization/, callback/) nor the grant that ends a ticket (token-store/grants/).
 */
@Injectable()
export class TicketProgress {
  constructor(
    private readonly clock: Clock,
    private readonly tickets: ConnectTicketsRepository,
  ) {}

  /** @returns the row of a ticket that may have none; null when it had one that is gone */
  async findOrAdd(id: string, connectRequest: ConnectRequest): Promise<ConnectTicket | null> {
    const found = await this.tickets.find(id);
    if (found) return found;
    const now = this.clock.now();
    const { linkExpiresAt } = connectRequest;
    const expiresAt =
      linkExpiresAt === null ? new Date(now.getTime() + LIFETIME_MS) : new Date(linkExpiresAt);
    const ticket = newTicket(id, connectRequest, now, expiresAt);
    return (await this.tickets.add(ticket)) ? ticket : this.tickets.find(id);
  }

  /** A browser shows its page. Lost where something else happens to the ticket at the same moment. */
  async markOpened(ticket: ConnectTicket, requestId: string): Promise<void> {
    if (ticket.state !== 'created') return;
    await this.#change(ticket, { state: 'opened', openedAt: this.clock.now(), requestId });
  }

  /**
   * Binds it to the browser that pressed the button; the visit to Google may take longer than the link was valid. A ticket with
   * `purpose: 'manage'` leads to no visit.
   * @returns null when it is bound to another browser; otherwise the ticket, which may have ended
   */
  async begin(
    ticket: ConnectTicket,
    browserHash: Uint8Array<ArrayBuffer>,
    requestId: string,
    seconds: number,
  ): Promise<ConnectTicket | null> {
    return this.#repeat(ticket, (current) => {
      if (current.browserHash && !Buffer.from(current.browserHash).equals(browserHash)) return null;
      if (current.outcome) return current;
      const now = this.clock.now();
      return {
        state: current.connectRequest.purpose === 'manage' ? 'opened' : 'at_google',
        browserHash,
        requestId,
        openedAt: current.openedAt ?? now,
        startedAt: current.startedAt ?? now,
        expiresAt: latest(current.expiresAt, after(now, seconds)),
      };
    });
  }

  /**
   * Ends `claim`: another response of the ticket may be exchanged.
   * @param before as it was before the claim, which kept it open for longer
   * @param extendSeconds 0; or how long the user may take at Google once more
   */
  async releaseClaim(before: ConnectTicket, requestId: string, extendSeconds: number): Promise<void> {
    const found = await this.tickets.find(before.id);
    if (!found) return;
    await this.#repeat(found, (current) =>
      current.outcome
        ? current
        : {
            requestId,
            exchangingUntil: null,
            expiresAt: latest(before.expiresAt, after(this.clock.now(), extendSeconds)),
          },
    );
  }

  /** Only one response of a ticket is exchanged at a time. @returns false when another call changed the ticket */
  async claim(ticket: ConnectTicket, requestId: string): Promise<boolean> {
    const until = after(this.clock.now(), EXCHANGE_SECONDS);
    const change = { requestId, exchangingUntil: until, expiresAt: latest(ticket.expiresAt, until) };
    return (await this.#change(ticket, change)) !== null;
  }

  /** @param pendingUntil when it expires, where it waits for the app or for the broker itself */
  async end(
    id: string,
    outcome: ConnectOutcome,
    requestId: string | null,
    pendingUntil: Date = this.clock.now(),
  ): Promise<EndedTicket | null> {
    const found = await this.tickets.find(id);
    if (!found) return null;
    let isNew = false;
    const ticket = await this.#repeat(found, (current) => {
      isNew = current.endedAt === null;
      return isNew ? changeBy(outcome, requestId, this.clock.now(), pendingUntil) : current;
    });
    return ticket && { ticket, isNew };
  }

  /**
   * Cancels it for the service that made it, or for an operator.
   * @returns null where there is no such ticket any more
   */
  async cancel(id: string, requestId: string | null): Promise<CancelledTicket | null> {
    const outcome = { kind: 'cancelled' } as const;
    const ended = await this.end(id, outcome, requestId);
    return ended && { ...ended, end: endOf(outcome, ended.ticket.connectRequest, requestId ?? '') };
  }

  /** @returns whether it was this call, and not a change at the last moment */
  async expire(ticket: ConnectTicket, outcome: ConnectOutcome): Promise<boolean> {
    const now = this.clock.now();
    return (await this.#change(ticket, changeBy(outcome, null, now, now))) !== null;
  }

  /** @param decide null: nothing to return; the ticket itself: nothing to change */
  async #repeat(
    first: ConnectTicket,
    decide: (current: ConnectTicket) => TicketChange | ConnectTicket | null,
  ): Promise<ConnectTicket | null> {
    for (let current: ConnectTicket | null = first; current; current = await this.tickets.find(first.id)) {
      const change = decide(current);
      if (change === null || change === current) return change === null ? null : current;
      const changed = await this.#change(current, change);
      if (changed) return changed;
    }
    return null;
  }

  async #change(ticket: ConnectTicket, change: TicketChange): Promise<ConnectTicket | null> {
    const changed = await this.tickets.change(ticket, change);
    if (changed) this.tickets.published(changed);
    return changed;
  }
}

function latest(one: Date, other: Date): Date {
  return one > other ? one : other;
}
