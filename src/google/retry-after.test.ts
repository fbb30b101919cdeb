import { expect, test } from '@jest/globals';
import { retryAfter } from './retry-after.js';

const DATE = 'Wed, 21 Oct 2026 07:28:00 GMT';

test.each<[string, string | null, number | null]>([
  ['30', null, 30],
  [' 30 ', null, 30],
  ['0', null, 0],
  ['3600', null, 3600],
  ['3601', null, 3600],
  ['99999999999999999999999', null, 3600],
  ['9'.repeat(400), null, 3600],
  ['Wed, 21 Oct 2026 07:30:00 GMT', DATE, 120],
  ['Thu, 21 Oct 2027 07:28:00 GMT', DATE, 3600],
  ['Tue, 20 Oct 2026 07:28:00 GMT', DATE, 0],
  ['Wed, 99 Oct 2026 07:28:00 GMT', DATE, null],
  ['Wed, 21 Oct 2026 07:30:00 GMT', null, null],
  ['Wed, 21 Oct 2026 07:30:00 GMT', 'now', null],
  ['2026-10-21T07:30:00Z', DATE, null],
  ['-1', null, null],
  ['1e9', null, null],
  ['Infinity', null, null],
  ['1.5', null, null],
  ['30, 60', null, null],
  ['', null, null],
])('Retry-After %j in a response of %j is %p s', (value, date, seconds) => {
  const headers = new Headers({ 'retry-after': value, ...(date === null ? {} : { date }) });
  expect(retryAfter(headers)).toBe(seconds);
});

test('a response without Retry-After asks for no time', () => {
  expect(retryAfter(new Headers())).toBeNull();
});
