/*
 * Where the reader of a list continues: after a page, and in the audit export, whose positions are written as cursors and are in the order
 * in which the database recorded the events. Does not own the order of a list (the repositories) nor how the cursor of a page is sealed
 * (http/pagination/).
 */

/** A part of a list, in its order. It may hold fewer than asked, even none, and still have a next one. */
export interface Page<Item, Position> {
  readonly items: readonly Item[];
  /** The position after which the next page starts; null on the last. */
  readonly next: Position | null;
}

/** The last event that a reader of the audit export has. */
export interface ExportPosition {
  readonly recordedAt: Date;
  /** The smallest id stands for a time without an event: what was recorded at that time comes after it. */
  readonly id: string;
}

const NIL_ID = '00000000-0000-0000-0000-000000000000';
const CURSOR =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z)(?:_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}))?$/;

export function positionAt(recordedAt: Date): ExportPosition {
  return { recordedAt, id: NIL_ID };
}

/** A time alone, where the position is one. */
export function exportCursor({ recordedAt, id }: ExportPosition): string {
  return id === NIL_ID ? recordedAt.toISOString() : `${recordedAt.toISOString()}_${id}`;
}

/** @returns null for what is neither a cursor nor a time in UTC */
export function readExportCursor(text: string): ExportPosition | null {
  const [, time = '', id = NIL_ID] = CURSOR.exec(text) ?? [];
  const recordedAt = new Date(time);
  // The year 0 is one that PostgreSQL does not read; of the 30th of February a Date makes March.
  const isTime = recordedAt.getUTCFullYear() >= 1 && recordedAt.toISOString().startsWith(time.slice(0, 19));
  return isTime ? { recordedAt, id } : null;
}
