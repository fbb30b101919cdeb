import { expect, test } from '@jest/globals';
import { ActivityCounts, latencyKind, latencyQuantile } from './activity.js';

test.each([
  [0, 'latency.50'],
  [50, 'latency.50'],
  [50.1, 'latency.75'],
  [12_800, 'latency.12800'],
  [1_000_000, 'latency.12800'],
])('an answer after %d ms counts under %s', (ms, kind) => {
  expect(latencyKind(ms)).toBe(kind);
});

test.each<[number, number[], number | null]>([
  [0.5, [], null],
  [0.5, [10], 50],
  [1, [10], 50],
  // The median of two is the lower one.
  [0.5, [10, 900], 50],
  [0.51, [10, 900], 1200],
  [0.95, [...Array.from({ length: 19 }, () => 60), 5000], 75],
  [0.96, [...Array.from({ length: 19 }, () => 60), 5000], 6400],
  [0.99, [100_000], 12_800],
])('the quantile %d of the answers after %j ms is %p', (quantile, answers, ms) => {
  const counts = new ActivityCounts();
  for (const answer of answers) counts.add(latencyKind(answer));
  expect(latencyQuantile((kind) => counts.all.get(kind) ?? 0, quantile)).toBe(ms);
});
