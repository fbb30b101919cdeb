import { randomUUID } from 'node:crypto';
import type { AuditEntry } from '../../domain/audit-entry.js';
import type { Database } from '../client/database.js';
import { tracing } from '../../tracing/tracing.js';

/** One text for batches of all sizes; Prisma would plan each size again, for ten milliseconds of the event loop. */
const WRITE = `
  INSERT INTO audit_trail
    (id, at, last_at, count, action, outcome, actor, service_id, user_id, client, grant_id, request_id, details)
  SELECT id, at, "lastAt", count, action, outcome, actor, "serviceId", "userId", client, "grantId", "requestId", details
  FROM jsonb_to_recordset($1) AS event(
    id uuid, at timestamptz, "lastAt" timestamptz, count integer, action text, outcome text, actor text,
    "serviceId" text, "userId" text, client text, "grantId" text, "requestId" text, details jsonb)
  ON CONFLICT DO NOTHING`;

/** As types of the columns above, where they are not text. */
const TYPES = ['uuid', 'timestamptz', 'timestamptz', 'integer', ...Array<string>(8).fill('text'), 'jsonb'];

interface AuditStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * Where the trail is distributed by user, rows of one statement go to their servers only as VALUES: a SELECT would be sent to all. There is
 * no NULL there.
 */
export function writeAuditRows(
  database: Pick<Database, 'isDistributed'>,
  rows: readonly AuditRow[],
): AuditStatement {
  if (!database.isDistributed()) return { text: WRITE, values: [JSON.stringify(rows)] };
  const values = rows.flatMap((row) => [
    ...[row.id, row.at, row.lastAt, row.count, row.action, row.outcome, row.actor],
    ...[row.serviceId, row.userId ?? '', row.client, row.grantId, row.requestId, JSON.stringify(row.details)],
  ]);
  const placeholders = rows.map((_, row) => {
    const columns = TYPES.map((type, column) => `$${row * TYPES.length + column + 1}::${type}`);
    return `(${columns.join(', ')})`;
  });
  const [columns = ''] = WRITE.split('SELECT');
  const each = values.map((value) => (value instanceof Date ? value.toISOString() : (value ?? null)));
  return { text: `${columns} VALUES ${placeholders.join(', ')} ON CONFLICT DO NOTHING`, values: each };
}

export type AuditRow = ReturnType<typeof toAuditRow>;

export function toAuditRow({ at, ...entry }: AuditEntry) {
  const { details = {}, ...columns } = storable(entry) as Omit<AuditEntry, 'at'>;
  const trace = tracing()?.ids();
  const all = trace ? { ...details, trace_id: trace.traceId } : details;
  return { ...columns, id: randomUUID(), at, lastAt: at, count: 1, details: all };
}

/** PostgreSQL accepts no NUL and no lone surrogate. One such row would block all behind it. */
function storable(value: unknown): unknown {
  if (typeof value === 'string')
    return value.isWellFormed() && !value.includes('\0') ? value : value.toWellFormed().replaceAll('\0', '');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) copy[name] = storable(member);
  return copy;
}

/** The owner of the share of the queue that an entry takes. */
export function ownerOf({ serviceId }: AuditEntry): string {
  return serviceId ?? '';
}
