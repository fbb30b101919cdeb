/*
 * Where a reader of the audit export goes on: the position of the last event that it has, written as a cursor. Positions are in
 * the order in which the database recorded the events. Does not own that order: token-store/audit/audit-export.repository.ts.
 */

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
  // The year 0 is one that PostgreSQL does not read.
  return recordedAt.getUTCFullYear() >= 1 ? { recordedAt, id } : null;
}
