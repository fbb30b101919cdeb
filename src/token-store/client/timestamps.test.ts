import { expect, test } from '@jest/globals';
import { parseTimestamp } from './timestamps.js';

test.each([
  ['2026-11-27 08:39:12.123+00', '2026-11-27T08:39:12.123Z'],
  ['2026-11-27 08:39:12+00', '2026-11-27T08:39:12.000Z'],
  ['2026-11-27 03:39:12.5-05', '2026-11-27T08:39:12.500Z'],
  ['2026-11-27 14:09:12.123456+05:30', '2026-11-27T08:39:12.123Z'],
  ['1880-01-01 00:19:32+00:19:32', '1880-01-01T00:00:00.000Z'],
  ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z'],
  ['12026-01-01 00:00:00-01', '+012026-01-01T01:00:00.000Z'],
  ['9999-12-31 23:59:59+00', '9999-12-31T23:59:59.000Z'],
])('%s is read as a time', (text, expected) => {
  expect(parseTimestamp(text).toISOString()).toBe(expected);
});

test.each([
  '27/11/2026 08:39:12.123 UTC',
  '11/27/2026 08:39:12 EST',
  '27.11.2026 08:39:12 CET',
  'Fri 27 Nov 08:39:12 2026 EST',
])('%s, which has another DateStyle, is named and not guessed', (text) => {
  expect(() => parseTimestamp(text)).toThrow(/DateStyle is not ISO/);
});
