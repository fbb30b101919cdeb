/** C0, DEL and C1: characters that a terminal or a log obeys, and that PostgreSQL, URLs and forms refuse in part. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/;

/** Well-formed UTF-16 without control characters: text that can be stored, logged, sent on and shown as it is. */
export function isPlainText(value: string): boolean {
  return value.isWellFormed() && !CONTROL_CHARACTERS.test(value);
}
