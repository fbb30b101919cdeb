import { expect, test } from '@jest/globals';
import { table, wrapped } from './table.js';

const COLUMNS = [
  { heading: 'ID' },
  { heading: 'USER', cut: true },
  { heading: 'CREATED', optional: true },
  { heading: 'SCOPES', cut: true },
] as const;
const ID = '0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11';
const SCOPE = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const ROWS = [
  [ID, 'a-user-with-a-long-identifier-of-its-own', '2026-11-22', SCOPE],
  [ID, 'bob', '2026-11-22', '-'],
];
const longest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

test('a table that fits is shown whole', () => {
  const whole = table(COLUMNS, ROWS, Number.POSITIVE_INFINITY);
  expect(whole.split('\n')[1]).toBe(`${ID}  a-user-with-a-long-identifier-of-its-own  2026-11-22  ${SCOPE}`);
  expect(table(COLUMNS, ROWS, longest(whole))).toBe(whole);
});

test('a table that is too wide cuts cells first, and leaves columns out only then', () => {
  const narrow = table(COLUMNS, ROWS, 100);
  expect(narrow).toMatch(/^ID +USER +CREATED +SCOPES\n/);
  expect(narrow).toContain('…');
  expect(longest(narrow)).toBe(100);
  const narrower = table(COLUMNS, ROWS, 70);
  expect(narrower).toMatch(/^ID +USER +SCOPES\n/);
  expect(longest(narrower)).toBe(70);
});

test('an id is never cut, whatever the width', () => {
  expect(table(COLUMNS, ROWS, 20).split('\n')[2]).toMatch(new RegExp(`^${ID}  bob `));
});

test('a line break in a cell makes no second row', () => {
  expect(table([{ heading: 'A' }], [['x\ny']], 80)).toBe('A\nx\ufffdy');
});

test('text is wrapped between words, and a word that is longer stays whole', () => {
  expect(wrapped('one two three', 8, '  ')).toBe('one\n  two\n  three');
  expect(wrapped(`a ${SCOPE} b`, 20)).toBe(`a\n${SCOPE}\nb`);
});

test('a table has as many rows as there are, with more than a call can have arguments', () => {
  const rows = Array.from({ length: 200_000 }, (_, row) => [String(row)]);
  expect(table([{ heading: 'A' }], rows, 80).split('\n')).toHaveLength(200_001);
});
