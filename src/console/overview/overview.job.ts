/**
 * Background work of the console: each process writes what it counted once a minute; every few minutes one of them counts the
 * grants, sums up what all wrote, and deletes what is old. Does not own what is counted (domain/activity.ts) nor the statements
 * (token-store/console/).
 */
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ActivityCounts, type ActivityKind } from '../../domain/activity.js';
import { HTTP_REQUEST_DURATION } from '../../domain/metrics/call-metrics.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { RefreshRequests } from '../../google/oauth/refresh-requests.js';
import { Scheduler } from '../../operations/scheduler.js';
import { ActivityRepository } from '../../token-store/console/activity.repository.js';
import { ConsoleSessionsRepository } from '../../token-store/console/console-sessions.repository.js';
import { Settings } from '../../config/settings.js';
import { DeclaredSettingsRepository } from '../../token-store/declarations/declared-settings.repository.js';
import { OverviewRepository } from '../../token-store/console/overview.repository.js';

const MINUTE_SECONDS = 60;
/** A little less than three runs of the job, which does not keep its time to the millisecond. */
const SNAPSHOT_MS = 170_000;
/** However often operators ask. */
const LEAST_MS = 5_000;
/** What was counted since the last time happened half of it ago, on average. */
const HALF_MINUTE_MS = 30_000;
/** A database that does not answer must not delay the exit. */
const LAST_WRITE_MS = 1000;

@Injectable()
export class OverviewJob implements OnModuleInit, OnApplicationShutdown {
  /** What is in the database already. */
  readonly #written = new Map<ActivityKind, number>();

  constructor(
    private readonly settings: Settings,
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly meter: Meter,
    private readonly counts: ActivityCounts,
    private readonly refreshes: RefreshRequests,
    private readonly activity: ActivityRepository,
    private readonly overview: OverviewRepository,
    private readonly sessions: ConsoleSessionsRepository,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(MINUTE_SECONDS, 'write activity', () => this.#write());
    this.scheduler.every(MINUTE_SECONDS, 'count for the overview', () => this.#count());
  }

  async onApplicationShutdown(): Promise<void> {
    const timedOut = new Promise((resolve) => setTimeout(resolve, LAST_WRITE_MS).unref());
    await Promise.race([this.#write().catch(() => undefined), timedOut]);
  }

  /** What could not be written is part of the next attempt. */
  async #write(): Promise<void> {
    const all = new Map<ActivityKind, number>([
      ...this.counts.all,
      ...this.refreshes.activity.all,
      ['tokens.warm', this.#warmTokens()],
    ]);
    const added = new Map<ActivityKind, number>();
    for (const [kind, count] of all) {
      const more = count - (this.#written.get(kind) ?? 0);
      if (more > 0) added.set(kind, more);
    }
    await this.activity.add(new Date(this.clock.now().getTime() - HALF_MINUTE_MS), added);
    for (const [kind, count] of all) this.#written.set(kind, count);
  }

  #warmTokens(): number {
    return this.meter
      .histogram(HTTP_REQUEST_DURATION)
      .countOf(({ code, source }) => code === 'ok' && source === 'memory');
  }

  /** On one process of all replicas. */
  async #count(): Promise<void> {
    const now = this.clock.now();
    if (await this.overview.claim(now, new Date(now.getTime() - SNAPSHOT_MS))) await this.#countNow(now);
  }

  /** For an operator who does not want to wait. @returns false where another process does so right now */
  async countAgain(): Promise<boolean> {
    const now = this.clock.now();
    if (!(await this.overview.claim(now, new Date(now.getTime() - LEAST_MS)))) return false;
    await this.#countNow(now);
    return true;
  }

  async #countNow(now: Date): Promise<void> {
    const testingClients = await this.declared.testingClients();
    await this.overview.takeSnapshot(testingClients, this.settings.slotLimit, now);
    await this.activity.sumUp(now);
    await this.activity.prune(now);
    await this.sessions.prune(now);
  }
}
