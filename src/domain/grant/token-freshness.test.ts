import { describe, expect, test } from '@jest/globals';
import { isFresh, renewFrom, secondsLeft } from './token-freshness.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

describe('freshness', () => {
  test.each([
    [300, 300, true],
    [299.9, 300, false],
    [1, 0, true],
    [0, 0, false],
    [-10, 0, false],
  ])('a token with %d s left, %d s wanted: %p', (left, wanted, fresh) => {
    const token = { obtainedAt: inSeconds(left - 3600), expiresAt: inSeconds(left) };
    expect(isFresh(token, NOW, wanted)).toBe(fresh);
  });

  test.each([
    [60, 31, true],
    [60, 29, false],
    [300, 150, true],
    [301, 299, false],
    [1, 1, true],
    [0, 0, false],
  ])('of Google giving %d s only, %d s are left: %p', (life, left, fresh) => {
    const token = { obtainedAt: inSeconds(left - life), expiresAt: inSeconds(left) };
    expect(isFresh(token, NOW, 300)).toBe(fresh);
  });

  test.each([
    [3600, 0, 3000],
    [3600, 1, 2880],
    [1200, 0, 600],
    [1200, 1, 600],
    [60, 0.5, 30],
  ])(
    'a token that lives %d s is renewed in the background, jitter %d, from %d s on',
    (life, jitter, from) => {
      expect(renewFrom({ obtainedAt: NOW, expiresAt: inSeconds(life) }, jitter)).toEqual(inSeconds(from));
    },
  );

  test('time left is never negative', () => {
    expect(secondsLeft(inSeconds(-3600), NOW)).toBe(0);
  });
});
