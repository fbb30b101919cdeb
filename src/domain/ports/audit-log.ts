import type { AuditEntry } from '../audit-entry.js';

/** Where everything that is worth remembering is written. Reading it is another port: audit-trail.ts. */
export abstract class AuditLog {
  /**
   * Takes an entry; the caller does not wait until it is written. Nothing taken is dropped in silence. Tokens issued
   * alike within a moment (same service, grant and scopes) become one event with a count.
   */
  abstract record(entry: AuditEntry): void;

  /**
   * As `record`, for a call that was refused. Refusals that are alike become one event with a count, and a service has a
   * quota of events for those that differ: anybody with a credential can be refused as often as he likes.
   */
  abstract recordRefusal(entry: AuditEntry): void;

  /** Whether `room` would return at once. */
  abstract hasRoom(serviceId: string): boolean;

  /**
   * Waits while too much waits to be written, in all or for this service. Ask before an action that will be recorded.
   * @throws when the store takes nothing: what cannot be recorded is better not done
   */
  abstract room(serviceId: string): Promise<void>;

  /** Waits until all that was recorded before is written. @throws when it cannot be */
  abstract flush(): Promise<void>;
}
