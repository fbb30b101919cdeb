/*
 * The languages of pages: which one a reader gets, and how each writes numbers, days and durations. Does not own the texts (messages/).
 */
import { negotiate } from '@fastify/accept-negotiator';

/** The languages that pages are written in; the first one is for readers of any other. */
export const LOCALES = ['en', 'id', 'fr', 'de'] as const;
export type Locale = (typeof LOCALES)[number];

/** ISO 639 renamed Indonesian in 1989; Java and old Androids still send the former code. */
const FORMER = /\bin\b/g;
/** A region or script: pages do not differ by it. */
const SUBTAGS = /\b([a-z]{2,3})(?:-[a-z\d]+)+/g;

/**
 * Which language a page is written in.
 * @param wanted a language tag (RFC 5646) that the ticket names; null where it names none
 * @param accepted the browser's Accept-Language
 */
export function localeOf(wanted: string | null, accepted: string | undefined): Locale {
  return acceptedLocale(wanted) ?? acceptedLocale(accepted) ?? LOCALES[0];
}

/** @returns null where none of the languages is written here */
export function acceptedLocale(accepted: string | null | undefined): Locale | null {
  if (!accepted) return null;
  // A wildcard is not a language; with it, the negotiator would choose the first one.
  const primary = accepted
    .toLowerCase()
    .replaceAll('*', 'any')
    .replaceAll(SUBTAGS, '$1')
    .replaceAll(FORMER, 'id');
  const chosen = negotiate(primary, [...LOCALES]);
  return LOCALES.find((locale) => locale === chosen) ?? null;
}

/** The forms that a language has: `other`, and `one` where it differs. */
interface Forms {
  readonly one?: string;
  readonly other: string;
}

/** A number with its word. `#` stands for the number, as the language writes it. */
export function plural(locale: Locale, count: number, forms: Forms): string {
  const isOne = new Intl.PluralRules(locale).select(count) === 'one';
  const form = (isOne ? forms.one : undefined) ?? forms.other;
  return form.replaceAll('#', new Intl.NumberFormat(locale).format(count));
}

/** A day, as a person writes it. */
export function onDay(locale: Locale, day: Date): string {
  const text = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(day);
  // French has an ordinal for the first of a month, which Intl does not write.
  return locale === 'fr' ? text.replace(/^1\b/, '1er') : text;
}

/** A duration from now, such as "in 5 minutes". */
export function inMinutes(locale: Locale, minutes: number): string {
  return new Intl.RelativeTimeFormat(locale).format(minutes, 'minute');
}
