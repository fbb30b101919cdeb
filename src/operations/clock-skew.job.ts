import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Meter } from '../domain/metrics/meter.js';
import { CLOCK_SKEW } from '../domain/metrics/system-metrics.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from './scheduler.js';

const CHECK_SECONDS = 1;
/** Machines differ by less until NTP has synchronized them. */
const WARN_MS = 5000;

/** Logs and measures the skew between this machine's clock and the database's. */
@Injectable()
export class ClockSkewJob implements OnModuleInit {
  readonly #log = new Logger(ClockSkewJob.name);
  #isSkewed = false;

  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    meter: Meter,
  ) {
    meter.gauge(CLOCK_SKEW).observe({}, () => clock.skewMs / 1000);
  }

  onModuleInit(): void {
    this.scheduler.every(CHECK_SECONDS, 'watch the clock', () => {
      this.#check();
      return Promise.resolve();
    });
  }

  #check(): void {
    const { skewMs } = this.clock;
    const isSkewed = Math.abs(skewMs) > WARN_MS;
    if (isSkewed === this.#isSkewed) return;
    this.#isSkewed = isSkewed;
    const seconds = Math.round(skewMs / 1000);
    if (isSkewed) {
      this.#log.warn(
        { skew_seconds: seconds },
        "this machine's clock differs from the database's, which all lifetimes are counted by. Synchronize both with NTP",
      );
    } else this.#log.log({ skew_seconds: seconds }, "this machine's clock agrees with the database's again");
  }
}
