/**
 * Background work of the console: each process writes what it counted once a minute; every few minutes one of them sums up what all
 * wrote, and deletes what is old. Does not own what is counted (domain/activity.ts), the statements (token-store/console/), nor the
 * count of the grants (operations/count-grants.job.ts).
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
import { OverviewRepository } from '../../token-store/console/overview.repository.js';

const MINUTE_SECONDS = 60;
/** A little less than three runs of the job, which does not keep its time to the millisecond. */
const SUMS_MS = 170_000;
/** What was counted since the last time happened half of it ago, on average. */
const HALF_MINUTE_MS = 30_000;
/** A database that does not answer must not delay the exit. */
const LAST_WRITE_MS = 1000;

@Injectable()
export class OverviewJob implements OnModuleInit, OnApplicationShutdown {
  /** What is in the database already. */
  readonly #written = new Map<ActivityKind, number>();

  constructor(
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
    this.scheduler.every(MINUTE_SECONDS, 'sum up activity', (shutdown) => this.#sumUp(shutdown));
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

  /** On one process of all replicas: two at once could write an older sum over a newer one, until the next run. */
  async #sumUp(shutdown: AbortSignal): Promise<void> {
    const now = this.clock.now();
    if (!(await this.overview.claim('activity', now, new Date(now.getTime() - SUMS_MS)))) return;
    await this.activity.sumUp(now);
    await this.activity.prune(now, shutdown);
    await this.sessions.prune(now, shutdown);
  }
}
