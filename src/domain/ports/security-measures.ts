import type { Grant } from '../grant.js';
import type { Measure } from '../security-event.js';

export interface SecurityIncident {
  readonly jti: string;
  /** What came later is not touched: events can arrive late, and the user may have connected again meanwhile. */
  readonly occurredAt: Date;
  /** The aliases of the clients that it concerns; grants of others stay as they are. */
  readonly clients: readonly string[];
  readonly measures: readonly Measure[];
}

/** Carries out what follows from security events, on grants, tokens and the slot ledger. */
export abstract class SecurityMeasures {
  /**
   * Takes all measures and remembers the event: everything or nothing, and never twice.
   * @returns for each measure the grants that it concerned, as they were before; null when the event was handled before
   */
  abstract takeOnce(incident: SecurityIncident, now: Date): Promise<Grant[][] | null>;
}
