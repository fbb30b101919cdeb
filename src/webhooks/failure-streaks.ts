import { pauseMs } from './retry-schedule.js';

interface Streak {
  readonly failures: number;
  /** The last one was no answer in time. */
  readonly isSilent: boolean;
  /** By Clock.monotonicMs(). */
  readonly pauseEndsAt: number;
}

/**
 * How often in a row each webhook accepted nothing, as this process saw it: of any of its events, since one that hangs has so many waiting
 * that none is tried twice. Failures within the pause after one count with it: many in one second are one. Does not own the pauses
 * (retry-schedule.ts) nor what follows from them (deliver-events.ts, disable-failing.ts).
 */
export class FailureStreaks {
  /** By the id of the webhook. */
  readonly #streaks = new Map<string, Streak>();

  /** @returns how many there are now, this one included */
  failed(id: string, nowMs: number, isSilent: boolean): number {
    const { failures, pauseEndsAt } = this.#streaks.get(id) ?? { failures: 0, pauseEndsAt: nowMs };
    const isCounted = nowMs >= pauseEndsAt;
    const counted = isCounted ? failures + 1 : failures;
    this.#streaks.set(id, {
      failures: counted,
      isSilent,
      pauseEndsAt: isCounted ? nowMs + pauseMs(counted) : pauseEndsAt,
    });
    return counted;
  }

  /** It accepted something. */
  end(id: string): void {
    this.#streaks.delete(id);
  }

  /** Forgets all others. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#streaks.keys()) if (!ids.has(id)) this.#streaks.delete(id);
  }

  /** Whether the last attempt was not answered in time: one event is enough to see whether that is over. */
  isSilent(id: string): boolean {
    return this.#streaks.get(id)?.isSilent ?? false;
  }

  /** Whether it is to be left alone: each attempt costs its timeout. */
  isPaused(id: string, nowMs: number): boolean {
    const streak = this.#streaks.get(id);
    return streak !== undefined && streak.isSilent && nowMs < streak.pauseEndsAt;
  }
}
