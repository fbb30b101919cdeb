import type { AuditEvent } from '../token-store/audit/audit-events.repository.js';
import { toAuditEventResponse } from './audit.dto.js';

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

/** Audit events as CSV (RFC 4180), for spreadsheets. Does not own which events, nor who may read them. */
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
