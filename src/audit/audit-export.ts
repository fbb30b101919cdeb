/*
 * The audit trail as NDJSON, the oldest first: one event a line, as in GET /audit, and the cursor after which to go on. For
 * GET /audit/export and for `token-broker audit export`. Does not own who may read which events, nor their order.
 */
import { exportCursor } from '../domain/export-position.js';
import type { ExportedEvent } from '../token-store/audit/audit-export.repository.js';
import { toAuditEventResponse } from './audit.dto.js';

export const NDJSON = 'application/x-ndjson';

export function toExportLine(event: ExportedEvent): string {
  const response: object = toAuditEventResponse(event);
  return `${JSON.stringify({ ...response, cursor: exportCursor(event) })}\n`;
}
