/**
 * Audit events as lines of a file, each as GET /audit shows it: CSV (RFC 4180) for spreadsheets, and NDJSON with the cursor after which
 * an export continues. For the API, the console and the command line. Does not own which events, their order, nor who may read them.
 */
import { exportCursor } from '../domain/list-position.js';
import type { AuditEvent } from '../token-store/audit/audit-events.repository.js';
import type { ExportedEvent } from '../token-store/audit/audit-export.repository.js';
import { toAuditEventResponse } from './audit.response.js';

const COLUMNS = [
  'at',
  'action',
  'outcome',
  'actor',
  'service_id',
  'user_id',
  'client',
  'grant_id',
  'request_id',
  'count',
  'last_at',
  'details',
  'id',
] as const;

/** Spreadsheets take such a cell for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export const AUDIT_CSV_HEADER = COLUMNS.join(',');

export function toCsvLine(event: AuditEvent): string {
  const response = toAuditEventResponse(event);
  return COLUMNS.map((name) => {
    const value = response[name];
    return cell(typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? ''));
  }).join(',');
}

function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const NDJSON = 'application/x-ndjson';

export function toExportLine(event: ExportedEvent): string {
  const response: object = toAuditEventResponse(event);
  return `${JSON.stringify({ ...response, cursor: exportCursor(event) })}\n`;
}
