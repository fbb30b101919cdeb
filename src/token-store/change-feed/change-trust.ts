/** So long after a heartbeat was sent and heard, caches are believed. */
export const TRUST_MS = 1500;

/** How long caches are believed, as heartbeats are heard, fail, or show that something swallows changes. By performance.now(). */
export class ChangeTrust {
  #heardUntil = 0;
  #trustedUntil = 0;
  /** When something was found that may have swallowed changes. */
  #doubtedAt = 0;
  /** Whether changes may have been missed since the last that were heard. */
  #isGap = false;

  /**
   * @param withoutDatabaseMs for how long caches are believed while the database is away
   * @param maxAgeMs how old what they hold may get
   */
  constructor(
    private readonly withoutDatabaseMs: number,
    private readonly maxAgeMs: number,
  ) {}

  get isHeard(): boolean {
    return performance.now() < this.#heardUntil;
  }

  get isTrusted(): boolean {
    return performance.now() < this.#trustedUntil;
  }

  /** While the database is away, as the settings allow, nothing grows older. */
  believes(readAt: number): boolean {
    const now = performance.now();
    return now < this.#trustedUntil && readAt > Math.min(now, this.#heardUntil) - this.maxAgeMs;
  }

  /**
   * What was committed before the heartbeat was sent has been heard by now.
   * @param forget called before anything is believed again, where changes may have been missed
   * @returns false where something found since speaks against it
   */
  heard(sentAt: number, forget: () => void): boolean {
    if (sentAt <= this.#doubtedAt) return false;
    if (this.#isGap) forget();
    this.#isGap = false;
    this.#heardUntil = Math.max(this.#heardUntil, sentAt + TRUST_MS);
    this.#trustedUntil = this.#heardUntil + this.withoutDatabaseMs;
    return true;
  }

  /** The database answers, and tells nothing: it is asked, however long the settings would do without it. */
  doubt(at: number): void {
    this.#doubtedAt = Math.max(this.#doubtedAt, at);
    this.#isGap = true;
    this.#heardUntil = 0;
    this.#trustedUntil = 0;
  }

  /** The database answers, and does not take heartbeats. */
  refused(): void {
    this.#trustedUntil = Math.min(this.#trustedUntil, this.#heardUntil);
  }

  /** What the listening connection took with it is unknown; only what the settings allow is left of the trust. */
  lost(): void {
    if (this.withoutDatabaseMs === 0) this.#trustedUntil = 0;
  }
}
