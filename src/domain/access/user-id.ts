import { isPlainText } from '../text.js';

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
