import { describe, expect, test } from '@jest/globals';
import { backoffAfter, exponentialBackoff } from './lease-and-backoff.js';

describe('the backoff of a grant after failures', () => {
  test.each([
    [1, null, 0, 500],
    [1, null, 1, 1000],
    [4, null, 1, 8000],
    [100, null, 1, 60_000],
    [1, 30, 1, 30_000],
    [7, 3, 0, 30_000],
    [1, 86_400, 0, 600_000],
  ])(
    'after failure %d, with %p s asked by Google and jitter %d, lasts %d ms',
    (failures, asked, jitter, ms) => {
      expect(backoffAfter(failures, asked, jitter)).toBe(ms);
    },
  );
});

test.each([
  [1, 250],
  [2, 500],
  [7, 16_000],
  [8, 30_000],
  [5000, 30_000],
])('the delay after %d failures, from a quarter of a second to thirty, is %d ms', (failures, ms) => {
  expect(exponentialBackoff(failures, 250, 30_000)).toBe(ms);
});
