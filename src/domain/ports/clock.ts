/** What the database's clock showed, between two moments of this process's monotonic clock. */
export interface ClockReading {
  /** Milliseconds since 1970. */
  readonly databaseMs: number;
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** The time. Tests move it; everything that depends on time asks here. */
export abstract class Clock {
  /** What the database's clock shows: all replicas store and judge lifetimes by it, whatever their own clocks say. */
  abstract now(): Date;

  /** Milliseconds that only grow, whatever happens to any clock: for waiting and measuring within this process. */
  abstract monotonicMs(): number;

  /** How far this machine's clock is ahead of the database's, in milliseconds; negative: behind. */
  abstract get skewMs(): number;

  /** Learns what the database's clock shows. */
  abstract synchronise(reading: ClockReading): void;
}
