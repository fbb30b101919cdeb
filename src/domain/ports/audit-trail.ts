import type { AuditEntry } from '../audit-entry.js';
import type { Page } from '../page.js';

export type AuditEvent = Required<AuditEntry> & {
  readonly id: string;
  /** Tells events of one millisecond apart. */
  readonly sequence: bigint;
  /** Tokens issued alike within a moment are one event: how many, the first at `at`, the last here. */
  readonly count: number;
  readonly lastAt: Date;
};

/** The place of an event in the trail. */
export type AuditPosition = Pick<AuditEvent, 'at' | 'sequence'>;

export interface AuditQuery {
  /** Rules of a policy: user-rule.ts. Only `*` itself covers events of no user. */
  readonly users: readonly string[];
  readonly userId: string | null;
  readonly serviceId: string | null;
  /** The earliest time, inclusive. */
  readonly since: Date | null;
  /** Only what is older than this; where the last page ended. */
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

/** Reads back what audit-log.ts wrote. */
export abstract class AuditTrail {
  /** Newest first. */
  abstract find(query: AuditQuery): Promise<Page<AuditEvent, AuditPosition>>;

  /** Forgets everything older than a time, in batches that lock nothing for long. @returns how many */
  abstract prune(before: Date): Promise<number>;
}
