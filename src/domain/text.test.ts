import { describe, expect, test } from '@jest/globals';
import {
  flatText,
  foldEmail,
  isDisplayText,
  isPlainText,
  isUuid,
  printableLine,
  quotedText,
  visibleText,
} from './text.js';

/** A soft hyphen, joiners of nothing, marks of direction, a BOM, a tag, and fillers that no font draws. */
const INVISIBLE = Array.from(
  '\u00ad\u034f\u061c\u200b\u202e\u2060\u2066\ufeff\u3164\u{e0041}\u2800\u{1d159}',
);
const CONTROLS = Array.from('\u0000\t\n\r\u001b\u007f\u0085\u009b');

describe('plain text', () => {
  test.each(['', ' ', 'müller', '用户', '👩‍👩‍👧', '\u00a0', '\u202e'])('may be %j', (text) => {
    expect(isPlainText(text)).toBe(true);
  });

  test.each([...CONTROLS, '\ud83d', '\ude00\ud83d'])('may not hold %j', (text) => {
    expect(isPlainText(`a${text}b`)).toBe(false);
  });
});

describe('a name that is shown to people', () => {
  test.each([
    'A',
    'Müller & Söhne',
    'हिन्दी',
    // Joiners and variation selectors, as scripts and emoji need them.
    'می‌خواهم',
    '👩‍👩‍👧',
    '❤️',
    '7',
    '+',
    'e\u0301'.repeat(5),
    '😀'.repeat(10),
  ])('may be %j of ten characters', (text) => {
    expect(isDisplayText(text, 10 + (text.length > 10 ? 10 : 0))).toBe(true);
  });

  test.each([...CONTROLS, ...INVISIBLE, '\u2028', '\u2029', '\ud800'])('may not hold %j', (text) => {
    expect(isDisplayText(`Pay${text}roll`, 60)).toBe(false);
  });

  test.each(['', ' ', ' Payroll', 'Payroll ', '\u00a0Payroll', '...', '\u0301', '\u200d', '\ufe0f'])(
    'may not be %j, which shows nothing or begins or ends with space',
    (text) => {
      expect(isDisplayText(text, 60)).toBe(false);
    },
  );

  test('has a length in characters, not in UTF-16 units', () => {
    expect([isDisplayText('😀'.repeat(10), 10), isDisplayText('😀'.repeat(11), 10)]).toEqual([true, false]);
  });
});

describe('text that a person judges', () => {
  test.each([...CONTROLS, ...INVISIBLE, '\u2028'])('shows %j as an escape', (character) => {
    const code = character.codePointAt(0)?.toString(16) ?? '';
    expect(visibleText(`pay${character}roll${character}`)).toBe(`pay\\u{${code}}roll\\u{${code}}`);
  });

  test.each(['', 'Müller', '用户', '👩‍👩‍👧', '❤️', 'می‌خواهم', 'a b'])('is %j as it was', (text) => {
    expect(visibleText(text)).toBe(text);
  });

  test('has a lone surrogate replaced', () => {
    expect(visibleText('a\ud800b')).toBe('a\ufffdb');
  });

  test.each([
    ['team-*', 'team-*'],
    ['https://x.example/a?b=c#d', 'https://x.example/a?b=c#d'],
    ['', '""'],
    ['two words', '"two words"'],
    ['say "hi" \\ bye', '"say \\"hi\\" \\\\ bye"'],
    ['a\n', '"a\\u{a}"'],
    ['müller', '"müller"'],
  ])('stands in quotes unless it is one word, where %j becomes %s', (text, quoted) => {
    expect(quotedText(text)).toBe(quoted);
  });
});

test.each([
  ['Alice.B@Example.COM', 'alice.b@example.com'],
  ['@[`{Z', '@[`{z'],
  // As PostgreSQL in collation "C": no other letter has a case.
  ['MÜLLER@İ.example', 'mÜller@İ.example'],
  ['\u212aelvin@example.com', '\u212aelvin@example.com'],
])('an email address is compared without the case of ASCII letters only, %s as %s', (email, folded) => {
  expect(foldEmail(email)).toBe(folded);
});

describe('a line of what Google says', () => {
  test.each([
    ['  Token has been\r\n\texpired.\u2028\u0085 ', 'Token has been expired.'],
    ['\u001b[31mred', '[31mred'],
    ['a\ud800b', 'a\ufffdb'],
    ['', ''],
    ['\n\n', ''],
  ])('is one, %j as %j', (text, line) => {
    expect(printableLine(text)).toBe(line);
  });

  test('is cut after 300 characters, and is well-formed also there', () => {
    expect(printableLine('a'.repeat(301))).toBe('a'.repeat(300));
    expect(printableLine(`${'a'.repeat(299)}😀`).isWellFormed()).toBe(true);
  });
});

test('parts that are joined for memory are the text that they were', () => {
  expect([flatText(), flatText('a'), flatText('a', '', 'é😀')]).toEqual(['', 'a', 'aé😀']);
});

test.each([
  ['0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11', true],
  ['0B6A1C9E-7F43-4B0E-9D54-8F7F3F0F5A11', true],
  ['0b6a1c9e7f434b0e9d548f7f3f0f5a11', false],
  ['{0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11}', false],
  ['0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a1g', false],
  ['', false],
])('%j is a uuid as PostgreSQL writes it, %j', (text, is) => {
  expect(isUuid(text)).toBe(is);
});
