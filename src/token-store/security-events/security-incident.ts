import type { AuditDetail } from '../../domain/audit-entry.js';
import type { Remediation } from '../../domain/google/security-event.js';
import type { Grant } from '../../domain/grant/grant.js';
import { toAuditRow, writeAuditRows } from '../audit/audit-rows.js';
import type { Database } from '../client/database.js';
import type { Prisma } from '../prisma-client/client.js';

/**
 * What one delivery of Google says happened, and its rows in the audit trail.
 * Does not own what is done about it: security-events.repository.ts.
 */
export interface SecurityIncident {
  readonly jti: string;
  /** Later consents are not touched: events can arrive late, and the user may have connected again meanwhile. */
  readonly occurredAt: Date;
  /** The aliases of the clients that it concerns; grants of others stay as they are. */
  readonly clients: readonly string[];
  /** Of the call that brought it, for the audit trail. */
  readonly requestId: string;
  readonly events: readonly IncidentEvent[];
}

interface IncidentEvent {
  /** Null where nothing is to be done. */
  readonly remediation: Remediation | null;
  /** For the audit trail. */
  readonly details: Readonly<Record<string, AuditDetail>>;
}

export function remediationsOf({ events }: SecurityIncident): Remediation[] {
  return events.flatMap(({ remediation }) => remediation ?? []);
}

type Concerned = { readonly [Column in 'id' | 'userId' | 'client']: Grant[Column] | null };

const NO_GRANT: Concerned = { id: null, userId: null, client: null };

/**
 * In the transaction of the measures: where the tables are distributed, of one user.
 * @param concerned for each event, whose grants
 */
export async function auditIncident(
  tx: Prisma.TransactionClient,
  database: Pick<Database, 'isDistributed'>,
  { jti, events, requestId }: SecurityIncident,
  concerned: readonly (readonly Concerned[])[],
  at: Date,
): Promise<void> {
  const common = { at, action: 'security.event', outcome: 'ok', actor: 'google', requestId } as const;
  const rows = events.flatMap(({ details }, index) =>
    (concerned[index] ?? []).map(({ id: grantId, userId, client }) =>
      toAuditRow({ ...common, userId, client, grantId, details: { jti, ...details } }),
    ),
  );
  if (rows.length === 0) return;
  // A delivery that was interrupted between two users comes again.
  if (database.isDistributed() && (await isAudited(tx, rows[0]?.userId ?? null, jti, at))) return;
  const { text, values } = writeAuditRows(database, rows);
  await tx.$executeRawUnsafe(text, ...values);
}

/** A row of no user for each event that concerned no grant: neither of this delivery nor, on several servers, of an interrupted one. */
export async function auditNoGrant(
  tx: Prisma.TransactionClient,
  database: Pick<Database, 'isDistributed'>,
  incident: SecurityIncident,
  concerned: readonly (readonly Concerned[])[],
  at: Date,
): Promise<void> {
  const { jti, events } = incident;
  if (events.every((_, index) => concerned[index]?.length)) return;
  const earlier = database.isDistributed() ? await auditedEvents(tx, jti, at) : [];
  const none = events.map(({ details }, index) =>
    concerned[index]?.length || earlier.includes(details['event']) ? [] : [NO_GRANT],
  );
  await auditIncident(tx, database, incident, none, at);
}

/** Of any user: whom an interrupted delivery disconnected has no grant any more by which to find it. */
async function auditedEvents(tx: Prisma.TransactionClient, jti: string, now: Date): Promise<unknown[]> {
  const rows = await tx.$queryRaw<{ event: string }[]>`
    SELECT DISTINCT details->>'event' AS event FROM audit_trail
    WHERE action = 'security.event' AND details->>'jti' = ${jti} AND at > ${now.toISOString()}::timestamptz - interval '30 days'`;
  return rows.map(({ event }) => event);
}

/** The user twice: the first finds the server, the second the index. Google delivers again for a shorter time than this. */
async function isAudited(
  tx: Prisma.TransactionClient,
  userId: string | null,
  jti: string,
  now: Date,
): Promise<boolean> {
  if (userId === null) return false;
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM audit_trail
    WHERE user_id = ${userId} AND user_id COLLATE "C" = ${userId} AND action = 'security.event' AND details->>'jti' = ${jti}
      AND at > ${now.toISOString()}::timestamptz - interval '30 days' LIMIT 1`;
  return rows.length > 0;
}
