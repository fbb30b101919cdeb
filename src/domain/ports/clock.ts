/*
 * Time, which is the database's: replicas compare what they store by it. Does not own how the offset to it is kept
 * (operations/system-clock.ts) nor how often it is read (token-store/change-feed/).
 */

/** A reading of the database's clock, between two moments of this process's monotonic clock. */
export interface ClockReading {
  /** Milliseconds since 1970. */
  readonly databaseMs: number;
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** The time. Tests replace it; everything that depends on time reads it here. */
export abstract class Clock {
  /** The database's clock: all replicas store and compare lifetimes by it, whatever their own clocks show. */
  abstract now(): Date;

  /** Milliseconds that only grow, whatever happens to any clock: for waiting and measuring within this process. */
  abstract monotonicMs(): number;

  /** How far this machine's clock is ahead of the database's, in milliseconds; negative: behind. */
  abstract get skewMs(): number;

  /** Corrects the offset by a reading of the database's clock. */
  abstract synchronise(reading: ClockReading): void;
}

/** A time so many seconds later; of a negative number, earlier. */
export function after(time: Date, seconds: number): Date {
  return new Date(time.getTime() + seconds * 1000);
}
