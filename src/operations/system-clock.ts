import { Clock, type ClockReading } from '../domain/ports/clock.js';

/**
 * The database's time: the monotonic clock of this process plus an offset that each heartbeat updates. The machine's
 * clock is used only until the database is first reached.
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
   * The database read its clock between request and response, so the offset lies between two bounds. An offset that is
   * within them is kept: a slow response must not move the time.
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
