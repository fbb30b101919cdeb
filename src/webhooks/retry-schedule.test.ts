import { expect, test } from '@jest/globals';
import { nextAttempt } from './retry-schedule.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const wait = (failures: number, chance: number) => {
  const next = nextAttempt(failures, NOW, chance);
  return next && (next.getTime() - NOW.getTime()) / 1000;
};

test('the retry schedule waits longer after each failure, for about three days in all, then ends', () => {
  const waits = Array.from({ length: 10 }, (_, index) => wait(index + 1, 0.5));
  expect(waits.slice(0, 4)).toEqual([5, 30, 120, 600]);
  expect(waits.at(-1)).toBeNull();
  const known = waits.filter((seconds) => seconds !== null);
  expect(known).toHaveLength(9);
  expect(known).toEqual(known.toSorted((a, b) => a - b));
  const days = known.reduce((sum, seconds) => sum + seconds, 0) / 86_400;
  expect(days).toBeGreaterThan(2.8);
  expect(days).toBeLessThan(3.2);
});

test('the retry schedule spreads by a tenth', () => {
  expect(wait(4, 0)).toBe(540);
  expect(wait(4, 1)).toBe(660);
});
