import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { isUUID } from 'class-validator';
import { CELL_NAME, digitsOf, formAction, isShortId, splitCell, textOf, uuidOf } from './cell.js';

test('without a cell ids are as they were made', () => {
  const id = randomUUID();
  expect([uuidOf(null, id), textOf(null, 'abc'), formAction(null, '/connect')]).toEqual([
    id,
    'abc',
    '/connect',
  ]);
});

test.each([
  [textOf(null, 'abc'), null, 'abc'],
  [textOf('eu1', 'abc'), 'eu1', 'abc'],
  ['toolong.abc', null, 'toolong.abc'],
  ['EU.abc', null, 'EU.abc'],
  ['.abc', null, '.abc'],
  ['eu.us.abc', 'eu', 'us.abc'],
  ['', null, ''],
])('of %j the cell is %j, and the rest %j', (text, cell, rest) => {
  expect(splitCell(text)).toEqual({ cell, rest });
});

test.each([
  ['h3k9x2mvq7aw', true],
  ['eu1.h3k9x2mvq7aw', true],
  ['h3k9x2mvq7awx', false],
  ['h3k9x2mvq7aW', false],
  ['h3k9x2mvq7aw\n', false],
  ['1a.h3k9x2mvq7aw', false],
  ['eu1.us1.h3k9x2mvq7aw', false],
])('that %j is a short id is %p', (text, is) => {
  expect(isShortId(text)).toBe(is);
});

test('a UUID carries the name in its first eight digits, and stays a UUID of the version for such', () => {
  const id = randomUUID();
  const marked = uuidOf('eu1', id);
  expect(marked).toBe(`65753100-${id.slice(9, 13)}-8${id.slice(15)}`);
  expect(isUUID(marked, 'all')).toBe(true);
});

test('no two names have the same digits', () => {
  const names = ['a', 'a0', 'a00', 'a000', 'eu', 'eu1', 'ue1', 'zzzz'];
  expect(names.every((name) => CELL_NAME.test(name))).toBe(true);
  expect(new Set(names.map(digitsOf)).size).toBe(names.length);
  expect(['', '1a', 'EU', 'eu-1', 'toolong', 'e.'].filter((name) => CELL_NAME.test(name))).toEqual([]);
});
