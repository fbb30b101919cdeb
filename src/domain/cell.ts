/**
 * The name of a cell within the ids that leave it, so that a router without state can choose the cell by an id alone. A text carries
 * the name in front; a UUID, whose columns hold nothing else, in its first eight digits. Does not own which cell a user belongs to: the
 * router decides that. See docs/cells.md.
 */

/** Of one letter and up to three letters or digits: as many as eight hexadecimal digits hold. */
export const CELL_NAME = /^[a-z][a-z0-9]{0,3}$/;

/** A text in which no dot occurs otherwise: an id, a state, a code. */
export function textOf(cell: string | null, text: string): string {
  return cell === null ? text : `${cell}.${text}`;
}

/** The inverse: what stands in front is null where it is not the name of a cell. */
export function splitCell(text: string): { readonly cell: string | null; readonly rest: string } {
  const at = text.indexOf('.');
  const cell = text.slice(0, Math.max(at, 0));
  return CELL_NAME.test(cell) ? { cell, rest: text.slice(at + 1) } : { cell: null, rest: text };
}

/** The id of a ticket or of a credential, with the name of its cell in front, where there is one. */
export function isShortId(text: string): boolean {
  return /^[a-z0-9]{12}$/.test(splitCell(text).rest);
}

/**
 * A UUID of version 8 (RFC 9562 section 5.8), whose first 32 bits are the name in ASCII, and 90 of the others random.
 * @param random of version 4
 */
export function uuidOf(cell: string | null, random: string): string {
  return cell === null ? random : `${digitsOf(cell)}${random.slice(8, 14)}8${random.slice(15)}`;
}

/** `eu1` is `65753100`. */
export function digitsOf(cell: string): string {
  const digits = Array.from(cell, (character) => character.charCodeAt(0).toString(16)).join('');
  return digits.padEnd(8, '0');
}

/** Where a form of a page leads, whose body no router reads. */
export function formAction(cell: string | null, path: string): string {
  return cell === null ? path : `${path}?cell=${cell}`;
}
