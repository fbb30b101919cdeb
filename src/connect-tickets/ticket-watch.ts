import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { ConnectTicket } from '../domain/connect/connect-ticket.js';
import { Clock } from '../domain/ports/clock.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';

/** A timer fires a little early now and then. */
const MIN_WAIT_MS = 20;

/**
 * Waits for changes of connect tickets. A caller that waits costs a timer and an entry in a map: no connection to the database
 * and no query, until its ticket changes, its time is over, or the broker shuts down.
 * Does not own who may read a ticket (connect-tickets.service.ts).
 */
@Injectable()
export class TicketWatch implements BeforeApplicationShutdown {
  readonly #waiting = new Map<string, Set<() => void>>();
  #isStopping = false;

  constructor(
    private readonly clock: Clock,
    private readonly tickets: ConnectTicketsRepository,
    changes: ChangeFeed,
  ) {
    changes.subscribe((change) => {
      if (change.kind === 'ticket') this.#wake(change.id);
      else if (change.kind === 'everything') this.#wakeAll();
    });
  }

  /** How many callers wait. */
  get size(): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * The ticket as soon as `isAwaited` no longer holds, and as it is then after `ms` or once it has expired.
   * @param callerSignal aborted when the caller disconnects
   */
  async waitWhile(
    id: string,
    isAwaited: (ticket: ConnectTicket) => boolean,
    ms: number,
    callerSignal: AbortSignal,
  ): Promise<ConnectTicket | null> {
    const end = performance.now() + ms;
    for (;;) {
      // Before it is read: a change in between is not missed.
      const change = this.#nextChange(id, callerSignal);
      const ticket = await this.tickets.find(id).catch((error: unknown) => {
        change.cancel();
        throw error;
      });
      const left = ticket
        ? Math.min(
            end - performance.now(),
            ticket.expiresAt.getTime() - this.clock.now().getTime() + MIN_WAIT_MS,
          )
        : 0;
      if (!ticket || left <= 0 || this.#isStopping || callerSignal.aborted || !isAwaited(ticket)) {
        change.cancel();
        return ticket;
      }
      await change.within(left);
    }
  }

  /** Before the server closes, which waits for the requests in flight. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    this.#wakeAll();
  }

  #nextChange(id: string, callerSignal: AbortSignal) {
    let done: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const changed = new Promise<void>((resolve) => {
      done = resolve;
    });
    const cancel = () => {
      isOver = true;
      clearTimeout(timer);
      callerSignal.removeEventListener('abort', cancel);
      const waiting = this.#waiting.get(id);
      waiting?.delete(cancel);
      if (waiting?.size === 0) this.#waiting.delete(id);
      done();
    };
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(cancel));
    callerSignal.addEventListener('abort', cancel);
    const within = (ms: number): Promise<void> => {
      if (!isOver) timer = setTimeout(cancel, ms);
      return changed;
    };
    return { cancel, within };
  }

  #wake(id: string): void {
    for (const wake of [...(this.#waiting.get(id) ?? [])]) wake();
  }

  #wakeAll(): void {
    for (const id of [...this.#waiting.keys()]) this.#wake(id);
  }
}
