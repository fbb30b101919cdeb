/**
 * scopes/ owns what Google's scopes mean, in words for the person who is asked: a table of meanings, and the words of
 * each language. Google's own: https://developers.google.com/identity/protocols/oauth2/scopes
 * Does not own which scopes exist or are allowed (domain/google/scopes.ts).
 */
import type { Locale } from '../locale.js';
import { DE } from './de.js';
import { EN, type ScopeWords } from './en.js';
import { FR } from './fr.js';
import { ID } from './id.js';
import { MEANINGS } from './scope-table.js';

const WORDS: Readonly<Record<Locale, ScopeWords>> = { en: EN, id: ID, fr: FR, de: DE };

export function isKnownScope(scope: string): boolean {
  return MEANINGS.has(scope);
}

/** What a scope allows, as a short phrase. One without words is named by the last part of its address. */
export function wordsOfScope(scope: string, locale: Locale): string {
  const words = WORDS[locale];
  const meaning = MEANINGS.get(scope);
  if (meaning === undefined) return guess(scope, words);
  if (meaning.startsWith('view ')) return words.view(words.things[thingOf(meaning)]);
  if (meaning.startsWith('manage ')) return words.manage(words.things[thingOf(meaning)]);
  return words.deeds[meaning as keyof ScopeWords['deeds']];
}

function thingOf(meaning: string): keyof ScopeWords['things'] {
  return meaning.slice(meaning.indexOf(' ') + 1) as keyof ScopeWords['things'];
}

const READ_ONLY = /\.(readonly|read|read_only|read-only)$/;

/** `https://www.googleapis.com/auth/some.api.readonly` becomes `some api`. */
function guess(scope: string, words: ScopeWords): string {
  const last = scope.split('/').findLast((part) => part !== '') ?? scope;
  const name =
    last
      .replace(READ_ONLY, '')
      .replaceAll(/[._-]+/g, ' ')
      .trim() || last;
  return READ_ONLY.test(last) ? words.unknownView(name) : words.unknown(name);
}
