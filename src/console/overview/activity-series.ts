/** Turns counts by minute, hour or day into the series of the charts: one value for each step of a period, empty ones too. */
import { type ActivityKind, latencyQuantile } from '../../domain/activity.js';
import {
  type ActivityCount,
  beginning,
  type Span,
  SPAN_MS,
} from '../../token-store/console/activity.repository.js';
import { compact, whole } from '../views/parts.js';
import type { Series } from '../views/chart.js';

export interface Period {
  readonly name: 'hour' | 'day' | 'month';
  readonly title: string;
  readonly span: Span;
  readonly steps: number;
  /** The beginning of its first step. */
  since(now: Date): Date;
}

export const PERIODS: readonly Period[] = [
  period('hour', 'Last hour', 'minute', 60),
  period('day', 'Last day', 'hour', 24),
  period('month', '30 days', 'day', 30),
];

function period(name: Period['name'], title: string, span: Span, steps: number): Period {
  const since = (now: Date) => new Date(beginning(now, span).getTime() - (steps - 1) * SPAN_MS[span]);
  return { name, title, span, steps, since };
}

/** By the query of the page; the last hour where it says something else. */
export function periodOf(name: unknown): Period {
  return PERIODS.find((each) => each.name === name) ?? (PERIODS[0] as Period);
}

export interface Activity {
  readonly period: Period;
  readonly labels: readonly string[];
  readonly tokens: readonly Series[];
  readonly connects: readonly Series[];
  readonly google: readonly Series[];
  readonly latency: readonly Series[];
}

const SOURCES = [
  ['warm', 'tokens.warm', 'one'],
  ['stored', 'tokens.stored', 'two'],
  ['refreshed', 'tokens.refreshed', 'three'],
] as const;
const CONNECTS = [
  ['finished', 'connects.finished', 'two'],
  ['partial', 'connects.partial', 'three'],
  ['denied', 'connects.denied', 'five'],
  ['failed', 'connects.failed', 'four'],
] as const;
const ANSWERS = [
  ['token', 'google.token', 'two'],
  ['grant ended', 'google.dead', 'three'],
  ['client rejected', 'google.rejected', 'four'],
  ['no answer', 'google.unavailable', 'five'],
] as const;
const QUANTILES = [
  ['half of all', 0.5, 'one'],
  ['95 of 100', 0.95, 'three'],
] as const;

export function activityIn(period: Period, counts: readonly ActivityCount[], now: Date): Activity {
  const first = period.since(now).getTime();
  const starts = Array.from({ length: period.steps }, (_, at) => first + at * SPAN_MS[period.span]);
  const byStart = new Map(starts.map((start) => [start, new Map<string, number>()]));
  for (const { startsAt, kind, count } of counts) byStart.get(startsAt.getTime())?.set(kind, count);
  const countOf = (start: number, kind: ActivityKind) => byStart.get(start)?.get(kind) ?? 0;
  const sumOf = (kind: ActivityKind) => starts.reduce((sum, start) => sum + countOf(start, kind), 0);
  const series = (rows: typeof SOURCES | typeof CONNECTS | typeof ANSWERS, divisor: number): Series[] =>
    rows.map(([name, kind, tone]) => ({
      name,
      tone,
      values: starts.map((start) => countOf(start, kind) / divisor),
      note: compact(sumOf(kind)),
    }));
  return {
    period,
    labels: starts.map((start) => labelOf(new Date(start), period.span)),
    tokens: series(SOURCES, SPAN_MS[period.span] / SPAN_MS.minute),
    connects: [
      {
        name: 'started',
        tone: 'one',
        values: starts.map((start) => countOf(start, 'connects.started')),
        isApart: true,
        note: whole(sumOf('connects.started')),
      },
      ...series(CONNECTS, 1),
    ],
    google: series(ANSWERS, 1),
    latency: QUANTILES.map(([name, quantile, tone]) => {
      const all = latencyQuantile(sumOf, quantile);
      const values = starts.map((start) => latencyQuantile((kind) => countOf(start, kind), quantile));
      return { name, tone, values, note: all === null ? 'no data' : `${whole(all)} ms` };
    }),
  };
}

/** In UTC, as everything in the console. */
function labelOf(start: Date, span: Span): string {
  const text = start.toISOString();
  return span === 'day' ? text.slice(5, 10) : text.slice(11, 16);
}
