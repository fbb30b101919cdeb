import { describe, expect, test } from '@jest/globals';
import { isFresh, refreshFrom, secondsLeft, secondsUntilReplaceable } from './token-freshness.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

describe('the freshness of a token', () => {
  test.each([
    [300, 300, true],
    [299.9, 300, false],
    [1, 0, true],
    [0, 0, false],
    [-10, 0, false],
  ])('with %d s left, where %d s are required, is %p', (left, wanted, fresh) => {
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
  ])('under a lifetime of %d s only, with %d s left, is %p', (life, left, fresh) => {
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
    'for a lifetime of %d s, with jitter %d, calls for a background refresh from %d s on',
    (life, jitter, from) => {
      expect(refreshFrom({ obtainedAt: NOW, expiresAt: inSeconds(life) }, jitter)).toEqual(inSeconds(from));
    },
  );

  test('never counts negative time left', () => {
    expect(secondsLeft(inSeconds(-3600), NOW)).toBe(0);
  });
});

describe('a refused token', () => {
  test.each<[string, boolean, number, number]>([
    ['at once where it is new', false, 0, 0],
    ['at once where it is old', false, -3000, 0],
    ['after five minutes where it took the place of another', true, 0, 300],
    ['after four where it did so a minute ago', true, -60, 240],
    ['at once where it did so five minutes ago', true, -300, 0],
    ['at once where it did so an hour ago', true, -3600, 0],
    ['at once where it did so in the future, by a clock that was set back', true, 60, 0],
  ])('is replaced %s', (_, replacesRefused, obtained, seconds) => {
    expect(secondsUntilReplaceable({ obtainedAt: inSeconds(obtained), replacesRefused }, NOW)).toBe(seconds);
  });
});
