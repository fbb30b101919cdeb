import { expect, test } from '@jest/globals';
import { after } from './clock.js';

test.each([
  [90, '2026-11-21T12:01:30.500Z'],
  [-0.5, '2026-11-21T12:00:00.000Z'],
  [0, '2026-11-21T12:00:00.500Z'],
])('%d seconds after a time is %s', (seconds, expected) => {
  expect(after(new Date('2026-11-21T12:00:00.500Z'), seconds)).toEqual(new Date(expected));
});
