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
/** A little less than three runs of the job, which does not keep its time to the millisecond. */
const SNAPSHOT_MS = 170_000;
/** However often operators ask. */
const LEAST_MS = 5_000;
/** Prometheus reads more often than that. */
const READ_MS = 10 * 60_000;

@Injectable()
export class CountGrantsJob implements OnModuleInit {
  /** By the monotonic clock. */
  #readAt = -Infinity;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly declared: DeclaredSettingsRepository,
    private readonly overview: OverviewRepository,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(MINUTE_SECONDS, 'count grants', () => this.countIfDue());
  }

  /** The metrics were read: without the console, they are why grants are counted. */
  noteRead(): void {
    this.#readAt = this.clock.monotonicMs();
  }

  async countIfDue(): Promise<void> {
    const isRead = this.clock.monotonicMs() - this.#readAt <= READ_MS;
    if (this.settings.console !== null || isRead) await this.#countAfter(SNAPSHOT_MS);
  }

  /** For an operator who does not want to wait. Counts nothing where another process does so right now. */
  async countAgain(): Promise<void> {
    await this.#countAfter(LEAST_MS);
  }

  async #countAfter(ms: number): Promise<void> {
    const now = this.clock.now();
    if (!(await this.overview.claim('grants', now, new Date(now.getTime() - ms)))) return;
    const testingClients = await this.declared.testingClients();
    await this.overview.takeSnapshot(testingClients, this.settings, now);
  }
}
