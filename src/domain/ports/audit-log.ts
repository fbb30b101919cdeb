import type { AuditEntry } from '../audit-entry.js';

/** Where everything that is worth remembering is written. Reading it is another port: audit-trail.ts. */
export abstract class AuditLog {
  /**
   * Takes an entry; the caller does not wait until it is written. Nothing taken is dropped in silence. Tokens issued
   * alike within a moment (same service, grant and scopes) become one event with a count.
   */
  abstract record(entry: AuditEntry): void;

  /** Whether `room` would return at once. */
  abstract get hasRoom(): boolean;

  /**
   * Waits while too much waits to be written. Ask before an action that will be recorded.
   * @throws when the store takes nothing: what cannot be recorded is better not done
   */
  abstract room(): Promise<void>;

  /** Waits until all that was recorded before is written. @throws when it cannot be */
  abstract flush(): Promise<void>;
}
