import type { GoogleAnswer } from './metrics/google-metrics.js';

/**
 * What the broker counts over time for the charts of the console: calls answered with a token, connects, answers of Google to
 * refreshes, and how long these took.
 */
export type ActivityKind =
  /** Answered from the response cache, from a stored token, or after a refresh at Google. */
  | 'tokens.warm'
  | 'tokens.stored'
  | 'tokens.refreshed'
  | 'connects.started'
  | `connects.${'finished' | 'partial' | 'denied' | 'failed'}`
  /** A token; the end of a grant; a client or its scopes rejected; no usable answer. */
  | `google.${GoogleAnswer}`
  | LatencyKind;

/** Answers that took no longer than so many milliseconds, and longer than the bound below. */
type LatencyKind = `latency.${number}`;

/** Each twice the one below, about: enough to tell 100 ms from 200 ms. The last takes all that are longer. */
const LATENCY_BOUNDS = [50, 75, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 3200, 6400, 12_800];

export function latencyKind(ms: number): LatencyKind {
  return `latency.${LATENCY_BOUNDS.find((bound) => ms <= bound) ?? LATENCY_BOUNDS.at(-1) ?? 0}`;
}

/**
 * A quantile of what was counted by latencyKind: the upper bound of where it lies.
 * @param countOf how many were counted under a kind
 * @returns milliseconds; null where nothing was counted
 */
export function latencyQuantile(countOf: (kind: LatencyKind) => number, quantile: number): number | null {
  const counts = LATENCY_BOUNDS.map((bound) => countOf(`latency.${bound}`));
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let below = 0;
  const at = counts.findIndex((count) => (below += count) >= quantile * all);
  return LATENCY_BOUNDS[at] ?? null;
}

/** Counts since the process began; who writes them remembers how far it came. */
export class ActivityCounts {
  readonly #counts = new Map<ActivityKind, number>();

  add(kind: ActivityKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get all(): ReadonlyMap<ActivityKind, number> {
    return this.#counts;
  }
}
