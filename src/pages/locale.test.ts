import { describe, expect, test } from '@jest/globals';
import { localeOf } from './locale.js';

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
