/**
 * What all replicas did, by minute, hour and day. Each replica adds what it counted once a minute; one of them sums minutes up to
 * hours, and hours to days. Owns how long each is kept. Does not own what is counted (domain/activity.ts).
 */
import { Injectable } from '@nestjs/common';
import type { ActivityKind } from '../../domain/activity.js';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export type Span = 'minute' | 'hour' | 'day';

export const SPAN_MS: Readonly<Record<Span, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };
const KEPT_MS: Readonly<Record<Span, number>> = { minute: 2 * DAY_MS, hour: 40 * DAY_MS, day: 400 * DAY_MS };

/** In the order of the key: two replicas take the same locks in the same order. */
const ADD = `
  INSERT INTO activity_counts AS counts (span, starts_at, kind, count)
  SELECT 'minute', $1::timestamptz, kind, count FROM unnest($2::text[], $3::bigint[]) AS added (kind, count) ORDER BY kind
  ON CONFLICT (span, starts_at, kind) DO UPDATE SET count = counts.count + excluded.count`;

/** Counted again from the beginning, so that it may run as often as it likes; a sum that is the same is not written. */
const SUM_UP = `
  INSERT INTO activity_counts AS counts (span, starts_at, kind, count)
  SELECT $1, date_bin($2::interval, starts_at, timestamptz '2000-01-01 00:00:00+00'), kind, sum(count)::bigint
  FROM activity_counts WHERE span = $3 AND starts_at >= $4::timestamptz
  GROUP BY 2, 3 ORDER BY 2, 3
  ON CONFLICT (span, starts_at, kind) DO UPDATE SET count = excluded.count WHERE counts.count <> excluded.count`;

const READ = `
  SELECT starts_at AS "startsAt", kind, count::float8 AS count FROM activity_counts
  WHERE span = $1 AND starts_at >= $2::timestamptz`;

const PRUNE = `
  DELETE FROM activity_counts WHERE (span, starts_at, kind) IN (
    SELECT span, starts_at, kind FROM activity_counts JOIN unnest($1::text[], $2::timestamptz[]) AS kept (span, since) USING (span)
    WHERE starts_at < since LIMIT $3::int)
  RETURNING kind`;

export interface ActivityCount {
  readonly startsAt: Date;
  readonly kind: ActivityKind;
  readonly count: number;
}

@Injectable()
export class ActivityRepository {
  constructor(private readonly database: Database) {}

  /** Adds to a minute. @param at any time within it */
  async add(at: Date, counts: ReadonlyMap<ActivityKind, number>): Promise<void> {
    if (counts.size === 0) return;
    await this.database.prepared('add activity', ADD, [
      beginning(at, 'minute'),
      [...counts.keys()],
      [...counts.values()],
    ]);
  }

  /** Sums up what may have changed: a replica that was cut off adds its minutes late. */
  async sumUp(now: Date): Promise<void> {
    const hours = beginning(new Date(now.getTime() - DAY_MS), 'hour');
    await this.database.prepared('sum up activity', SUM_UP, ['hour', '1 hour', 'minute', hours]);
    const days = beginning(new Date(now.getTime() - 7 * DAY_MS), 'day');
    await this.database.prepared('sum up activity', SUM_UP, ['day', '1 day', 'hour', days]);
  }

  async prune(now: Date, shutdown?: AbortSignal): Promise<void> {
    const spans = Object.keys(KEPT_MS) as Span[];
    const since = spans.map((span) => new Date(now.getTime() - KEPT_MS[span]));
    const prune = () => this.database.prepared('prune activity', PRUNE, [spans, since, MAX_BATCH_ROWS]);
    await inBatches(async () => (await prune()).length, shutdown);
  }

  /** @param since any time within the first span */
  read(span: Span, since: Date): Promise<ActivityCount[]> {
    return this.database.prepared<ActivityCount>('read activity', READ, [span, beginning(since, span)]);
  }
}

/** In UTC. */
export function beginning(at: Date, span: Span): Date {
  return new Date(Math.floor(at.getTime() / SPAN_MS[span]) * SPAN_MS[span]);
}
