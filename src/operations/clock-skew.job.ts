import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Clock } from '../domain/ports/clock.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { Metrics } from './metrics.js';
import { Scheduler } from './scheduler.js';

const CHECK_SECONDS = 1;
/** Machines differ by less until NTP has synchronized them. */
const WARN_MS = 5000;

/** Logs and measures the skew between this machine's clock and the database's, and whether the change feed works. */
@Injectable()
export class ClockSkewJob implements OnModuleInit {
  readonly #log = new Logger(ClockSkewJob.name);
  #isSkewed = false;

  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    changes: ChangeFeed,
    { registry }: Metrics,
  ) {
    new Gauge({
      name: 'token_broker_clock_skew_seconds',
      help: "How far this machine's clock is ahead of the database's.",
      registers: [registry],
      collect() {
        this.set(clock.skewMs / 1000);
      },
    });
    new Gauge({
      name: 'token_broker_change_feed_up',
      help: 'Whether the change feed works (1), or calls are answered from the database (0).',
      registers: [registry],
      collect() {
        this.set(changes.fault === null && changes.isUpToDate ? 1 : 0);
      },
    });
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
