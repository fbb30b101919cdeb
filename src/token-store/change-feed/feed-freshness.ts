import type { Logger } from '@nestjs/common';

/** How long caches stay valid after a heartbeat was sent and received. */
export const FRESH_MS = 1500;

/** Why notifications are not received. */
export interface ChangesFault {
  readonly reason:
    | 'not_listening'
    | 'heartbeat_failed'
    | 'heartbeat_not_received'
    | 'triggers_missing'
    | 'triggers_bypassed'
    | 'servers_differ';
  /** What was observed, for an operator; nothing secret. */
  readonly seen: Readonly<Record<string, unknown>>;
}

const MESSAGES: Readonly<Record<ChangesFault['reason'], string>> = {
  not_listening: 'the listening connection is lost or cannot be opened',
  heartbeat_failed: 'the heartbeat cannot be written',
  heartbeat_not_received:
    'a heartbeat was written and its notification did not arrive. A pooler in transaction mode does not pass on notifications',
  triggers_missing:
    'triggers are missing or disabled. Enable them with ALTER TABLE ... ENABLE ALWAYS TRIGGER',
  triggers_bypassed: 'session_replication_role is set to replica, where ordinary triggers do not fire',
  servers_differ: 'connections to DATABASE_URL reach different servers, as after a failover',
};

/**
 * How long caches are valid, as heartbeats are received, fail, or show that notifications get lost, and why they are
 * stale. All times are performance.now().
 */
export class FeedFreshness {
  #receivingUntil = 0;
  #validUntil = 0;
  /** When something was found that may have swallowed notifications. */
  #staleAt = 0;
  /** Whether notifications may have been missed since the last that were received. */
  #hasGap = false;
  #fault: ChangesFault | null = null;
  #receivedAt = performance.now();
  #lagMs = 0;

  /**
   * @param withoutDatabaseMs how long caches stay valid while the database is away
   * @param maxAgeMs how old cached data may get
   */
  constructor(
    private readonly log: Logger,
    private readonly withoutDatabaseMs: number,
    private readonly maxAgeMs: number,
  ) {}

  get isReceiving(): boolean {
    return performance.now() < this.#receivingUntil;
  }

  get isValid(): boolean {
    return performance.now() < this.#validUntil;
  }

  /** When the last heartbeat was sent that came back; at first, when this was made. */
  get receivedAt(): number {
    return this.#receivedAt;
  }

  /** How long it took. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Null while notifications are received. */
  get fault(): ChangesFault | null {
    return this.isReceiving ? null : this.#fault;
  }

  /** While the database is away, for as long as the settings allow, cached data does not age. */
  isValidSince(readAt: number): boolean {
    const now = performance.now();
    return now < this.#validUntil && readAt > Math.min(now, this.#receivingUntil) - this.maxAgeMs;
  }

  /**
   * A heartbeat came back: every notification that was committed before it was sent has been received by now.
   * @param invalidate called before caches are valid again, where notifications may have been missed
   * @returns false where a later finding contradicts it
   */
  heartbeatReceived(sentAt: number, invalidate: () => void): boolean {
    this.#receivedAt = Math.max(this.#receivedAt, sentAt);
    this.#lagMs = performance.now() - sentAt;
    if (sentAt <= this.#staleAt) return false;
    if (this.#hasGap) invalidate();
    this.#hasGap = false;
    this.#receivingUntil = Math.max(this.#receivingUntil, sentAt + FRESH_MS);
    this.#validUntil = this.#receivingUntil + this.withoutDatabaseMs;
    if (this.#fault) this.log.log('change notifications are received again');
    this.#fault = null;
    return true;
  }

  /** The database answers and its notifications get lost: caches are stale at once, whatever the settings allow. */
  markStale(at: number): void {
    this.#staleAt = Math.max(this.#staleAt, at);
    this.#hasGap = true;
    this.#receivingUntil = 0;
    this.#validUntil = 0;
  }

  /** The database answers and refuses heartbeats: the allowance for a database that is away does not apply. */
  heartbeatRefused(): void {
    this.#validUntil = Math.min(this.#validUntil, this.#receivingUntil);
  }

  /** Which notifications the lost connection missed is unknown; only what the settings allow is left. */
  connectionLost(): void {
    if (this.withoutDatabaseMs === 0) this.#validUntil = 0;
  }

  /** Logs a fault once, until there is another one. */
  report(fault: ChangesFault): void {
    if (JSON.stringify(fault) === JSON.stringify(this.#fault)) return;
    this.#fault = fault;
    this.log.warn(
      { reason: fault.reason, ...fault.seen },
      `change notifications are not received, and calls are answered from the database: ${MESSAGES[fault.reason]}`,
    );
  }
}

/** Only the code: a message could quote the address. */
export function seenOf(error: unknown): ChangesFault['seen'] {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? { error: code } : {};
}
