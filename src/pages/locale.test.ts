import { describe, expect, test } from '@jest/globals';
import { inMinutes, localeOf, onDay, plural } from './locale.js';

describe('the language of a page', () => {
  test.each([
    ['de', undefined, 'de'],
    ['de-AT', 'fr', 'de'],
    ['ID', 'fr', 'id'],
    ['ja', 'fr-CA,fr;q=0.9,en;q=0.8', 'fr'],
    [null, 'ja,id-ID;q=0.8,en;q=0.5', 'id'],
    [null, 'in-ID', 'id'],
    [null, 'zh-Hant-TW,de-DE;q=0.4', 'de'],
    [null, 'en;q=0,fr;q=0.1', 'fr'],
    [null, 'ja', 'en'],
    [null, '*', 'en'],
    [null, ';;,q=', 'en'],
    [null, undefined, 'en'],
  ])('for a ticket in %j and a browser that accepts %j is %s', (wanted, accepted, locale) => {
    expect(localeOf(wanted, accepted)).toBe(locale);
  });
});

describe('a number in a message', () => {
  const forms = { one: '# file', other: '# files' };

  test.each([
    ['en', 1, '1 file'],
    ['en', 0, '0 files'],
    // French counts nothing as one.
    ['fr', 0, '0 file'],
    ['de', 1234, '1.234 files'],
    // Indonesian has one form.
    ['id', 1, '1 files'],
  ] as const)('takes the form of %s for %d', (locale, count, text) => {
    expect(plural(locale, count, forms)).toBe(text);
  });

  test.each([
    ['en', 1, 'in 1 minute'],
    ['de', 25, 'in 25 Minuten'],
    ['fr', 25, 'dans 25 minutes'],
    ['id', 25, 'dalam 25 menit'],
  ] as const)('is a time from now in %s for %d', (locale, minutes, text) => {
    expect(inMinutes(locale, minutes)).toBe(text);
  });
});

describe('a day in a message', () => {
  test.each([
    ['en', '2026-10-01', 'October 1, 2026'],
    ['de', '2026-10-01', '1. Oktober 2026'],
    ['id', '2026-10-01', '1 Oktober 2026'],
    ['fr', '2026-10-01', '1er octobre 2026'],
    ['fr', '2026-10-10', '10 octobre 2026'],
    ['fr', '2026-10-21', '21 octobre 2026'],
  ] as const)('is written as in %s, for %s', (locale, day, text) => {
    expect(onDay(locale, new Date(day))).toBe(text);
  });
});
