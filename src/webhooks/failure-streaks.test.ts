import { expect, test } from '@jest/globals';
import { FailureStreaks } from './failure-streaks.js';

test('failures in a row count once in each pause, which grows to a minute', () => {
  const streaks = new FailureStreaks();
  const countAt = (ms: number) => streaks.failed('app', ms, false);
  expect([0, 1, 4999].map(countAt)).toEqual([1, 1, 1]);
  expect([5000, 34_999].map(countAt)).toEqual([2, 2]);
  expect([35_000, 94_999].map(countAt)).toEqual([3, 3]);
  expect([95_000, 154_999, 155_000, 215_000].map(countAt)).toEqual([4, 4, 5, 6]);
  expect(streaks.failed('other', 215_000, false)).toBe(1);
  streaks.end('app');
  expect(countAt(215_001)).toBe(1);
});

test('a webhook pauses after an attempt without an answer, and not after a refusal', () => {
  const streaks = new FailureStreaks();
  streaks.failed('app', 0, false);
  expect(streaks.isPaused('app', 1)).toBe(false);
  streaks.failed('app', 1, true);
  expect([4999, 5000].map((ms) => streaks.isPaused('app', ms))).toEqual([true, false]);
  expect(streaks.isSilent('app')).toBe(true);
  streaks.failed('app', 5000, false);
  expect(streaks.isSilent('app')).toBe(false);
  streaks.failed('app', 5001, true);
  streaks.keep(new Set(['other']));
  expect(streaks.isPaused('app', 5002)).toBe(false);
});
