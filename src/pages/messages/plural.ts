import type { Locale } from '../locale.js';

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
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(day);
}

/** A duration from now, such as "in 5 minutes". */
export function inMinutes(locale: Locale, minutes: number): string {
  return new Intl.RelativeTimeFormat(locale).format(minutes, 'minute');
}
