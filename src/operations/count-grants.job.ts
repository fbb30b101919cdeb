/**
 * When the grants are counted, which takes a look at whole tables: every few minutes, on one process of all replicas, while the console
 * is on or /metrics is read; and when an operator asks. The console and the metrics read the same snapshot. Does not own the statements
 * (token-store/console/overview.repository.ts) nor what is shown of them.
 */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { OverviewRepository } from '../token-store/console/overview.repository.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { Scheduler } from './scheduler.js';

const MINUTE_SECONDS = 60;
const NAME = 'count grants';
/** Since the end of the last count. A little less than three runs of the job, which does not keep its time to the millisecond. */
const SNAPSHOT_MS = 170_000;
/** However often operators ask. */
const MIN_INTERVAL_MS = 5_000;
/** Prometheus reads more often than that. */
const READ_MS = 10 * 60_000;

@Injectable()
export class CountGrantsJob implements OnModuleInit {
  /** By the monotonic clock. */
  #readAt = -Infinity;
  #isAsked = false;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly declared: DeclaredSettingsRepository,
    private readonly overview: OverviewRepository,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(MINUTE_SECONDS, NAME, (shutdown) => this.countIfDue(shutdown));
  }

  /** The metrics were read: without the console, they are why grants are counted. */
  noteRead(): void {
    this.#readAt = this.clock.monotonicMs();
  }

  /**
   * For an operator who does not want to wait. Counts nothing where another process does so right now.
   * @returns when it is counted, or nothing is to be counted
   */
  async countAgain(): Promise<void> {
    this.#isAsked = true;
    await this.scheduler.runNow(NAME);
  }

  async countIfDue(shutdown: AbortSignal): Promise<void> {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    const isRead = this.clock.monotonicMs() - this.#readAt <= READ_MS;
    if (!isAsked && this.settings.console === null && !isRead) return;
    const testingClients = await this.declared.testingClients();
    const restMs = isAsked ? MIN_INTERVAL_MS : SNAPSHOT_MS;
    await this.overview.takeSnapshot(testingClients, this.settings, { restMs, shutdown });
  }
}
