/**
 * The figures that all replicas share: grants, services, waiting webhooks, the schema. Read when Prometheus asks, from what the console
 * shows as well: the snapshot of count-grants.job.ts, and a few bounded reads. Counts nothing. Does not own the statements
 * (token-store/console/overview.repository.ts).
 */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { GaugeMetric, Labels, LabelValues } from '../domain/metrics/definition.js';
import {
  ACCOUNTS_NEARLY_FULL,
  ACCOUNTS_NEARLY_FULL_ACROSS_CLIENTS,
  GRANTS,
  GRANTS_COUNTED,
  GRANTS_DEAD,
  GRANTS_EXPIRING,
  SERVICES,
  WEBHOOK_BACKLOG,
  WEBHOOK_OLDEST_AGE,
} from '../domain/metrics/grant-metrics.js';
import { Meter } from '../domain/metrics/meter.js';
import { SCHEMA_INFO, STORE_FIGURES_UP } from '../domain/metrics/system-metrics.js';
import { Clock } from '../domain/ports/clock.js';
import {
  type GrantsSnapshot,
  type OverviewNow,
  OverviewRepository,
} from '../token-store/console/overview.repository.js';
import { CountGrantsJob } from './count-grants.job.js';
import { within } from './metric-registry.js';

/** Reads of one moment share one statement. */
const MAX_AGE_MS = 2_000;
/** A supervisor waits for its workers for a second, and a scrape must not hang with the database. */
const READ_TIMEOUT_MS = 500;

@Injectable()
export class StoreMetrics implements OnModuleInit {
  #reading: Promise<OverviewNow | null> | null = null;
  /** By performance.now(). */
  #readAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly count: CountGrantsJob,
    private readonly overview: OverviewRepository,
    private readonly meter: Meter,
  ) {}

  onModuleInit(): void {
    this.meter.gauge(STORE_FIGURES_UP).observeAll(async () => [[{}, (await this.#current()) ? 1 : 0]]);
    this.#show(WEBHOOK_BACKLOG, ({ waiting }) => [[{}, waiting]]);
    this.#show(WEBHOOK_OLDEST_AGE, ({ oldestWaiting }) => [[{}, this.#secondsSince(oldestWaiting)]]);
    this.#show(SCHEMA_INFO, ({ migration }) => (migration === null ? [] : [[{ migration }, 1]]));
    this.#show(GRANTS_COUNTED, ({ takenAt }) => (takenAt ? [[{}, takenAt.getTime() / 1000]] : []));
    this.#showGrants(GRANTS, ({ byStatus = [] }) =>
      byStatus.flatMap(({ client, status: name, count }) => {
        const status = GRANTS.labels.status.find((each) => each === name);
        return status ? [[{ client, status }, count]] : [];
      }),
    );
    this.#showGrants(GRANTS_EXPIRING, ({ expiring = [] }) =>
      expiring.flatMap(({ client, soon, week, month }) => {
        const counts = { 3: soon, 7: week, 30: month };
        return GRANTS_EXPIRING.labels.days.flatMap((days) => withCount({ client, days }, counts[days]));
      }),
    );
    this.#showGrants(GRANTS_DEAD, ({ dead = [] }) => deadSeries(dead));
    this.#showGrants(ACCOUNTS_NEARLY_FULL, ({ nearlyFull = [] }) =>
      nearlyFull.map(({ client, accounts }) => [{ client }, accounts]),
    );
    this.#showGrants(ACCOUNTS_NEARLY_FULL_ACROSS_CLIENTS, ({ nearlyFullAcrossClients }) =>
      withCount({}, nearlyFullAcrossClients),
    );
    this.#showGrants(SERVICES, ({ services }) =>
      SERVICES.labels.last_used.flatMap((last_used) => withCount({ last_used }, services?.[last_used])),
    );
  }

  #show<L extends Labels>(
    metric: GaugeMetric<L>,
    read: (current: OverviewNow) => readonly (readonly [LabelValues<L>, number])[],
  ): void {
    this.meter.gauge(metric).observeAll(async () => {
      const current = await this.#current();
      return current ? read(current) : [];
    });
  }

  #showGrants<L extends Labels>(
    metric: GaugeMetric<L>,
    read: (grants: GrantsSnapshot) => readonly (readonly [LabelValues<L>, number])[],
  ): void {
    this.#show(metric, ({ grants }) => (grants ? read(grants) : []));
  }

  /** @returns null where the database does not say it now: old figures would look like new ones */
  #current(): Promise<OverviewNow | null> {
    this.count.noteRead();
    const now = performance.now();
    if (!this.#reading || now - this.#readAt > MAX_AGE_MS) {
      this.#readAt = now;
      this.#reading = within(
        READ_TIMEOUT_MS,
        this.overview.read(this.clock.now()).catch(() => null),
      );
    }
    return this.#reading;
  }

  #secondsSince(at: Date | null): number {
    return at === null ? 0 : Math.max(0, this.clock.now().getTime() - at.getTime()) / 1000;
  }
}

/** One series; none where the snapshot lacks the count. */
function withCount<L>(labels: L, count: number | undefined): (readonly [L, number])[] {
  return count === undefined ? [] : [[labels, count]];
}

/** Rows were written by any version: what this one does not know is counted together. */
function deadSeries(
  dead: NonNullable<GrantsSnapshot['dead']>,
): [LabelValues<typeof GRANTS_DEAD.labels>, number][] {
  const { cause: causes, who_must_act: actors } = GRANTS_DEAD.labels;
  const counts = new Map<string, [LabelValues<typeof GRANTS_DEAD.labels>, number]>();
  for (const row of dead) {
    const cause = causes.find((each) => each === row.cause) ?? 'other';
    const who_must_act = actors.find((each) => each === row.whoMustAct) ?? 'other';
    const key = `${cause} ${who_must_act}`;
    counts.set(key, [{ cause, who_must_act }, (counts.get(key)?.[1] ?? 0) + row.count]);
  }
  return [...counts.values()];
}
