import { isPlainText } from '../text.js';

/*
 * Which user ids are valid, and which a policy covers. A rule is one user id, or a prefix of user ids followed by `*`. A
 * backslash takes the next character literally, so that a user id may contain a star: `team-*` is a prefix, `team-\*` one
 * user.
 */

/** User ids from `low` on and before `high`, by code points: the order of UTF-8, and of PostgreSQL's collation "C". */
export interface UserRange {
  readonly low: string;
  readonly high: string;
}

const RULE = /^((?:[^*\\]|\\[*\\])*)(\*?)$/su;

/** What a rule says; null where it says nothing: an unescaped star before the end, or a backslash before something else. */
export function readUserRule(rule: string): { readonly text: string; readonly isPrefix: boolean } | null {
  const [, literal = '', star = ''] = RULE.exec(rule) ?? [];
  if (literal + star !== rule || rule === '' || !rule.isWellFormed()) return null;
  return { text: literal.replaceAll(/\\([*\\])/g, '$1'), isPrefix: star !== '' };
}

export function coversUser(rules: readonly string[], userId: string): boolean {
  return rules.some((rule) => {
    const read = readUserRule(rule);
    if (read === null) return false;
    return read.isPrefix ? userId.startsWith(read.text) : userId === read.text;
  });
}

/** All users, whatever other rules there are. */
export function coversAll(rules: readonly string[]): boolean {
  return rules.includes('*');
}

/** The rules as ranges that neither overlap nor touch, in order. `*` alone is not a range: see `coversAll`. */
export function rangesOf(rules: readonly string[]): UserRange[] {
  const ranges = rules.flatMap((rule) => {
    const read = readUserRule(rule);
    // U+0001 is in no user id (nor is U+0000): nothing but the user itself lies before it.
    return read
      ? [{ low: read.text, high: read.isPrefix ? afterPrefix(read.text) : `${read.text}\u0001` }]
      : [];
  });
  const merged: UserRange[] = [];
  for (const range of ranges.sort((a, b) => compareCodePoints(a.low, b.low))) {
    const last = merged.at(-1);
    if (!last || compareCodePoints(last.high, range.low) < 0) merged.push(range);
    else if (compareCodePoints(last.high, range.high) < 0)
      merged[merged.length - 1] = { ...last, high: range.high };
  }
  return merged;
}

const LAST_CODE_POINT = 0x10ffff;

/** The first text that is behind all texts with this prefix. */
function afterPrefix(prefix: string): string {
  const points = codePoints(prefix);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  // Longer than any user id: behind all of them.
  if (last === undefined) return String.fromCodePoint(LAST_CODE_POINT).repeat(300);
  // Surrogates are not characters.
  return String.fromCodePoint(...points, last + 1 === 0xd800 ? 0xe000 : last + 1);
}

function compareCodePoints(a: string, b: string): number {
  const [left, right] = [codePoints(a), codePoints(b)];
  const at = left.findIndex((point, index) => point !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at] ?? 0) - (right[at] ?? -1);
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

const MAX_CHARACTERS = 255;

/**
 * The caller's own user id: opaque to the broker. Any text of 1 to 255 characters, which are Unicode code points, without
 * control characters or lone surrogates. It is compared as it is: nothing is trimmed, folded or normalised.
 */
export function isUserId(value: string): boolean {
  // A code point is one or two units of UTF-16: only between the two must they be counted.
  if (value === '' || value.length > 2 * MAX_CHARACTERS || !isPlainText(value)) return false;
  return value.length <= MAX_CHARACTERS || Array.from(value).length <= MAX_CHARACTERS;
}

export const USER_ID_RULE = 'must be 1 to 255 characters of Unicode, without control characters.';
