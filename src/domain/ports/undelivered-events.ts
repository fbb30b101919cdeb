import type { EventType } from '../event-type.js';

/** An event that the app was not told of yet. */
export interface UndeliveredEvent {
  /** Stays the same over all attempts, so that the app can recognise a repeated one. */
  readonly id: string;
  readonly type: EventType;
  /** When it happened, as RFC 3339 writes it. */
  readonly timestamp: string;
  readonly data: object;
  /** How often delivery failed. */
  readonly failures: number;
}

/** The outbox, read by those who deliver it. Several brokers share the work: what one has claimed, no other gets. */
export abstract class UndeliveredEvents {
  /**
   * Takes what is due, in order of creation. Whoever claims and is not heard of again loses it.
   * @param until from then on, another may take it
   */
  abstract claim(most: number, now: Date, until: Date): Promise<UndeliveredEvent[]>;

  /** Gives back what was claimed and not tried. */
  abstract release(ids: readonly string[], now: Date): Promise<void>;

  abstract delivered(id: string, now: Date): Promise<void>;

  /** @param next when to try again; null: never */
  abstract failed(id: string, error: string, now: Date, next: Date | null): Promise<void>;

  /** Forgets what was delivered or given up before a time. */
  abstract prune(before: Date): Promise<void>;
}
