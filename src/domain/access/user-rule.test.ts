import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import { coversUser, isUserId, rangesOf, readUserRule } from './user-rule.js';

describe('a rule of a policy', () => {
  test.each([
    ['alice', 'alice', true],
    ['alice', 'alicia', false],
    ['team-*', 'team-', true],
    ['team-*', 'team-7', true],
    ['team-*', 'team', false],
    ['*', 'any-user', true],
    // A star of the user id itself.
    ['star\\*', 'star*', true],
    ['star\\*', 'star-7', false],
    ['star\\**', 'star*7', true],
    ['star\\**', 'star7', false],
    ['back\\\\', 'back\\', true],
    ['back\\\\*', 'back\\slash', true],
    // Neither is a pattern.
    ['a_c', 'abc', false],
    ['a%', 'abc', false],
    ['a.c', 'abc', false],
    ['A*', 'abc', false],
  ])('decides for %s whether it covers the user %s as %p', (rule, userId, covered) => {
    expect(coversUser([rule], userId)).toBe(covered);
  });

  test.each(['', 'a*b', '**', 'a**', 'a\\b', 'a\\', '\ud800*'])(
    '%j is invalid, and covers no user',
    (rule) => {
      expect(readUserRule(rule)).toBeNull();
      expect(['', 'a', 'a*b', 'ab', '**', 'a*', '*'].filter((userId) => coversUser([rule], userId))).toEqual(
        [],
      );
    },
  );

  const character = fc.constantFrom(
    'a',
    'b',
    '*',
    '\\',
    '_',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
  );
  const text = fc.string({ unit: character, maxLength: 4 });

  test('covers the same users as its ranges do, and the ranges lie apart in the order of UTF-8', () => {
    const literal = (id: string) => id.replaceAll(/[*\\]/g, '\\$&');
    const rule = fc.tuple(text, fc.boolean()).map(([id, isPrefix]) => `${literal(id)}${isPrefix ? '*' : ''}`);
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 5 }), text, (rules, userId) => {
        const ranges = rangesOf(rules);
        const isIn = ranges.some(({ low, high }) => compare(low, userId) <= 0 && compare(userId, high) < 0);
        expect(isIn).toBe(coversUser(rules, userId));
        const bounds = ranges.flatMap(({ low, high }) => [low, high]);
        expect(bounds).toEqual([...new Set(bounds)].sort(compare));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the syntax of user ids', () => {
  test.each([
    'a',
    'auth0|5f7c',
    '_x',
    'a==',
    'müller',
    'a/b',
    '.',
    '..',
    ' a ',
    '*',
    '%2F',
    '100%',
    'e\u0301',
    '用户',
    '\u2028',
    '\uffff',
    'a'.repeat(255),
    '😀'.repeat(255),
  ])('allows %j', (id) => {
    expect(isUserId(id)).toBe(true);
  });

  test.each([
    '',
    'a\n',
    'a\u0000b',
    '\u007f',
    '\u0085',
    '\u009f',
    '\ud800',
    '\ud83d',
    '\ude00\ud83d',
    'a'.repeat(256),
    '😀'.repeat(256),
    `${'😀'.repeat(255)}a`,
  ])('refuses %j', (id) => {
    expect(isUserId(id)).toBe(false);
  });
});

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
