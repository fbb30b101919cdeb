import { Clock, type ClockReading } from '../domain/ports/clock.js';

/**
 * Shows the database's time: this process's monotonic clock, and an offset learned with each heartbeat. The clock of the
 * machine counts only until the database was first reached.
 */
export class SystemClock extends Clock {
  #offsetMs = performance.timeOrigin;
  #isSynchronised = false;
  #skewMs = 0;

  override now(): Date {
    return new Date(this.#offsetMs + performance.now());
  }

  override monotonicMs(): number {
    return performance.now();
  }

  override get skewMs(): number {
    return this.#skewMs;
  }

  /**
   * The database read its clock somewhere between question and answer, so that the offset lies between two bounds. One
   * that does already is kept: a slow answer must not move the time.
   */
  override synchronise({ databaseMs, sentAt, receivedAt }: ClockReading): void {
    const least = databaseMs - receivedAt;
    const most = databaseMs - sentAt;
    this.#offsetMs = this.#isSynchronised
      ? Math.min(most, Math.max(least, this.#offsetMs))
      : (least + most) / 2;
    this.#isSynchronised = true;
    this.#skewMs = Date.now() - (this.#offsetMs + performance.now());
  }
}
