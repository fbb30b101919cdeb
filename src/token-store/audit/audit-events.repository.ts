import { Injectable } from '@nestjs/common';
import type { AuditAction, AuditDetail, AuditEntry } from '../../domain/audit-entry.js';
import type { Page } from '../../domain/list-position.js';
import { alongIndex, boundedScan, CoveredUsers, pageOf } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { type AuditEvent as AuditRow, Prisma } from '../prisma-client/client.js';

export type AuditEvent = Required<AuditEntry> & {
  readonly id: string;
  /** Distinguishes events of one millisecond. */
  readonly sequence: bigint;
  /** Tokens issued alike within a moment are one event: how many, the first at `at`, the last here. */
  readonly count: number;
  readonly lastAt: Date;
};

/** The position of an event in the trail. */
export type AuditPosition = Pick<AuditEvent, 'at' | 'sequence'>;

export interface AuditQuery {
  /** Rules of a policy: user-rule.ts. Only `*` itself covers events of no user. */
  readonly users: readonly string[];
  readonly userId: string | null;
  readonly serviceId: string | null;
  readonly action: AuditAction | null;
  /** The earliest time, inclusive. */
  readonly since: Date | null;
  /** The latest time, exclusive. */
  readonly until: Date | null;
  /** Only what is older than this; where the last page ended. */
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

export type AuditColumns = Omit<AuditRow, 'recordedAt'>;

type Row = AuditColumns & { readonly visible: boolean; readonly row_number: number };

export const AUDIT_COLUMNS =
  Prisma.raw(`id, sequence, at, action, outcome, actor, service_id AS "serviceId", nullif(user_id, '') AS "userId",
  client, grant_id AS "grantId", request_id AS "requestId", details, last_at AS "lastAt", count, user_id, service_id`);

const NEWEST_FIRST = Prisma.sql`at DESC, sequence DESC`;
/** The order of its index: the one over all events cannot be taken in its place (migration admin_lists). */
const NEWEST_OF_ACTION = Prisma.sql`at DESC NULLS LAST, sequence DESC NULLS LAST`;

/** The actions of most events: these are found along the time. The indexes of the two predicates: migration admin_lists. */
const FREQUENT: readonly AuditAction[] = ['token.issue', 'token.refresh'];
const RARE = Prisma.raw(`action NOT IN ('token.issue', 'token.refresh')`);
const NOTABLE = Prisma.raw(`grant_id IS NOT NULL AND action <> 'token.issue'
  AND (action <> 'token.refresh' OR outcome <> 'ok' OR jsonb_exists(details, 'refused'))`);

/** Lists the audit trail that audit-log.repository.ts writes, the newest first. The other way round: audit-export.repository.ts. */
@Injectable()
export class AuditEventsRepository {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  async find(query: AuditQuery): Promise<Page<AuditEvent, AuditPosition>> {
    const { userId, limit } = query;
    const users = new CoveredUsers(query.users);
    const conditions = conditionsOf(query);
    // Reads along the events of the user, the action or the service, where one is named, and filters there.
    const isFew = userId === null && (await users.haveFewRows(this.database, 'audit_trail'));
    const from = isFew ? users.from('audit_trail') : Prisma.sql`audit_trail`;
    const along = isFew ? Prisma.sql`TRUE` : (conditions[0] ?? Prisma.sql`TRUE`);
    const isOfAction = !isFew && userId === null && isRare(query.action);
    const order = isOfAction ? NEWEST_OF_ACTION : NEWEST_FIRST;
    const rows = Prisma.sql`SELECT ${AUDIT_COLUMNS} FROM ${from} WHERE ${along} ${within(query)}`;
    const visible = Prisma.join([users.predicate, ...conditions], ' AND ');
    const found = await alongIndex<Row>(this.database, boundedScan({ rows, visible, order, limit }));
    return pageOf(found, limit, toAuditEvent, ({ at, sequence }) => ({ at, sequence }));
  }

  /**
   * What happened to a grant, newest first: without tokens that were issued and refreshes that went well, of which there are
   * too many. Also of one that was disconnected since.
   */
  async ofGrant(grantId: string, olderThan: AuditPosition | null, limit: number): Promise<AuditEvent[]> {
    const found = await alongIndex<Row>(
      this.database,
      Prisma.sql`SELECT ${AUDIT_COLUMNS} FROM audit_trail WHERE grant_id = ${grantId} AND ${NOTABLE} ${before(olderThan)}
        ORDER BY at DESC, sequence DESC LIMIT ${limit}`,
    );
    return found.map(toAuditEvent);
  }
}

/** The most selective first. */
function conditionsOf({ userId, action, serviceId }: AuditQuery): Prisma.Sql[] {
  return [
    ...(userId === null ? [] : [Prisma.sql`user_id COLLATE "C" = ${userId}`]),
    ...(isRare(action) ? [Prisma.sql`action = ${action} AND ${RARE}`] : []),
    ...(serviceId === null ? [] : [Prisma.sql`service_id = ${serviceId}`]),
    ...(action !== null && !isRare(action) ? [Prisma.sql`action = ${action}`] : []),
  ];
}

function isRare(action: AuditAction | null): boolean {
  return action !== null && !FREQUENT.includes(action);
}

function within({ since, until, olderThan }: AuditQuery): Prisma.Sql {
  const from = since === null ? Prisma.empty : Prisma.sql`AND at >= ${since}`;
  const to = until === null ? Prisma.empty : Prisma.sql`AND at < ${until}`;
  return Prisma.sql`${from} ${to} ${before(olderThan)}`;
}

function before(position: AuditPosition | null): Prisma.Sql {
  return position === null
    ? Prisma.empty
    : Prisma.sql`AND (at, sequence) < (${position.at}, ${position.sequence})`;
}

export function toAuditEvent({
  id,
  sequence,
  at,
  action,
  outcome,
  actor,
  serviceId,
  userId,
  client,
  grantId,
  requestId,
  details,
  lastAt,
  count,
}: AuditColumns): AuditEvent {
  const common = {
    id,
    sequence,
    at,
    outcome,
    actor,
    serviceId,
    userId,
    client,
    grantId,
    requestId,
    lastAt,
    count,
  };
  return { ...common, action: action as AuditAction, details: details as Record<string, AuditDetail> };
}
