import { describe, expect, test } from '@jest/globals';
import { LOCALES } from '../locale.js';
import { MEANINGS } from './scope-table.js';
import { isKnownScope, wordsOfScope } from './scope-words.js';

const AUTH = 'https://www.googleapis.com/auth/';

describe('the words of a scope', () => {
  test('are there for at least 150 scopes, in every language, each of its own', () => {
    expect(MEANINGS.size).toBeGreaterThanOrEqual(150);
    for (const scope of MEANINGS.keys()) {
      const words = LOCALES.map((locale) => wordsOfScope(scope, locale));
      expect(new Set(words).size).toBe(LOCALES.length);
      for (const each of words) expect(each).toMatch(/^\p{Lu}.{5,99}[^.\s]$/u);
    }
  });

  test.each([
    ['calendar.readonly', 'View your Google Calendar', 'Ihren Google Kalender ansehen'],
    ['calendar', 'View and manage your Google Calendar', 'Ihren Google Kalender ansehen und verwalten'],
    ['gmail.send', 'Send email for you', 'E-Mails in Ihrem Namen senden'],
    ['fitness.sleep.read', 'View your sleep in Google Fit', 'Ihren Schlaf in Google Fit ansehen'],
  ])('say for %s what it allows', (name, english, german) => {
    expect(wordsOfScope(`${AUTH}${name}`, 'en')).toBe(english);
    expect(wordsOfScope(`${AUTH}${name}`, 'de')).toBe(german);
  });

  test.each([
    [`${AUTH}some.new-api.readonly`, 'View your data in “some new api” at Google'],
    [`${AUTH}some.new-api`, 'Use the Google permission “some new api”'],
    ['https://sites.google.com/feeds/', 'Use the Google permission “feeds”'],
    ['https://www.googleapis.com/auth/constructor', 'Use the Google permission “constructor”'],
  ])('are made of its address for %s, which is not known', (scope, words) => {
    expect(isKnownScope(scope)).toBe(false);
    expect(wordsOfScope(scope, 'en')).toBe(words);
  });
});
