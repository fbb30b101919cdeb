import { EXIT, Failure } from '../../shared/failure.js';

/** What a client library is configured with, in the open: it lives only while a file of it is made. */
export interface ConfigurationValues {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  /** Google ignores developer tokens by now; older releases of the libraries still want the setting. */
  readonly developerToken: string | null;
  /** Ten digits. */
  readonly loginCustomerId: string | null;
  readonly linkedCustomerId: string | null;
}

/** A setting under the name that its library gives it; null where there is none to write. */
export type Setting = readonly [name: string, value: string | null];

/** One line for each setting that has a value. */
export function settingLines(
  settings: readonly Setting[],
  write: (name: string, value: string) => string,
): string[] {
  return settings.flatMap(([name, value]) => (value === null ? [] : [write(name, value)]));
}

/** Line breaks and other control characters, U+FFFE and U+FFFF (no XML), and halves of surrogate pairs. */
const UNWRITABLE = /\p{Cc}|[\ufffe\uffff]|\p{Cs}/u;

/**
 * Refuses what no format can hold: a value in which somebody put a line break or half a character.
 * @throws {Failure} names the value, never shows it
 */
export function assertWritable(name: string, value: string): void {
  if (value === '') throw notWritable(name, 'is empty');
  if (UNWRITABLE.test(value)) {
    throw notWritable(name, 'holds a line break or another character that no such file can hold');
  }
}

export function notWritable(name: string, why: string): Failure {
  return new Failure(
    EXIT.refused,
    'value_not_writable',
    `The ${name} ${why}. Nothing was written. Check where it was copied from.`,
  );
}
