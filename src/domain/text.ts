/** C0, DEL and C1: characters that a terminal or a log obeys, and that PostgreSQL, URLs and forms refuse in part. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/;

/** Well-formed UTF-16 without control characters: text that can be stored, logged, sent on and shown as it is. */
export function isPlainText(value: string): boolean {
  return value.isWellFormed() && !CONTROL_CHARACTERS.test(value);
}

/**
 * Characters without a shape: all that may be ignored when a text is shown (UAX 44), with the marks that change the direction of
 * what follows (UAX 9); line separators, the empty pattern of Braille, and the null notehead. Scripts and emoji need joiners and
 * variation selectors.
 */
const INVISIBLE =
  /[[\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\u{1d159}]--[\u200c\u200d\p{Variation_Selector}]]/v;
const VISIBLE = /[\p{Letter}\p{Number}\p{Symbol}]/v;

/** A name or label that is shown to people as it is, in any script, and cannot pass for another by invisible characters. */
export function isDisplayText(value: string, maxLength: number): boolean {
  const { length } = Array.from(value);
  return (
    length <= maxLength &&
    value.trim() === value &&
    isPlainText(value) &&
    !INVISIBLE.test(value) &&
    VISIBLE.test(value)
  );
}

/** The name of a service or a webhook, which an operator types at a command line. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$/;
export const NAME_RULE = 'must be 1 to 80 letters, digits, spaces or . _ -';

/** Text that is shown to a person who judges it: what a terminal obeys, or what is invisible, is written as an escape. */
export function visibleText(value: string): string {
  return Array.from(value.toWellFormed(), (character) =>
    CONTROL_CHARACTERS.test(character) || INVISIBLE.test(character)
      ? `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
      : character,
  ).join('');
}

/** The same where it stands among other text: in quotes, unless it is one word. */
export function quotedText(value: string): string {
  return /^[\w.:/*@+?&=%~!,#()…-]+$/u.test(value)
    ? value
    : `"${visibleText(value.replaceAll(/["\\]/g, '\\$&'))}"`;
}

/**
 * An email address as it is compared: without case, of ASCII letters only. PostgreSQL does the same in collation "C",
 * so that both sides agree whatever the locale of the database is.
 */
export function foldEmail(email: string): string {
  return email.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const MAX_LINE = 300;

/** Google's text goes into answers, pages and the audit trail: one line, and not too long a one. */
export function printableLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- those are what must go
  const line = text.slice(0, MAX_LINE).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return line.toWellFormed().trim();
}

/** For texts that stay in memory: V8 also keeps the parts of a template, and the whole of which a text is a part. */
export function flatText(...parts: readonly string[]): string {
  return parts.join('');
}

/** The form in which PostgreSQL writes a uuid; it takes others, such as without hyphens. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
