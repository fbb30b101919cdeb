import { Injectable, Logger } from '@nestjs/common';
import type { AuditAction, AuditDetail, AuditEntry } from '../../domain/audit-entry.js';
import type { Page } from '../../domain/page.js';
import { alongIndex, boundedScan, CoveredUsers, pageOf } from '../client/bounded-scan.js';
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
  /** The earliest time, inclusive. */
  readonly since: Date | null;
  /** Only what is older than this; where the last page ended. */
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

const PRUNE_BATCH = 5000;

type Row = AuditRow & { readonly visible: boolean; readonly row_number: number };

const COLUMNS =
  Prisma.raw(`id, sequence, at, action, outcome, actor, service_id AS "serviceId", user_id AS "userId",
  client, grant_id AS "grantId", request_id AS "requestId", details, last_at AS "lastAt", count, user_id, service_id`);

const NEWEST_FIRST = Prisma.sql`at DESC, sequence DESC`;

/** Reads and prunes the audit trail that audit-log.repository.ts writes. */
@Injectable()
export class AuditEventsRepository {
  readonly #log = new Logger(AuditEventsRepository.name);

  constructor(private readonly database: Database) {}

  /** Newest first. */
  async find(query: AuditQuery): Promise<Page<AuditEvent, AuditPosition>> {
    const { userId, serviceId, limit } = query;
    const users = new CoveredUsers(query.users);
    const conditions = [
      userId === null ? Prisma.sql`TRUE` : Prisma.sql`user_id COLLATE "C" = ${userId}`,
      serviceId === null ? Prisma.sql`TRUE` : Prisma.sql`service_id = ${serviceId}`,
    ];
    // Reads along the events of the user or the service, where one is named, and filters there.
    const isFew = userId === null && (await users.haveFewRows(this.database, 'audit_events'));
    const from = isFew ? users.from('audit_events') : Prisma.sql`audit_events`;
    const along = isFew ? Prisma.sql`TRUE` : (conditions[userId === null ? 1 : 0] ?? Prisma.empty);
    const rows = Prisma.sql`SELECT ${COLUMNS} FROM ${from} WHERE ${along} ${within(query)}`;
    const visible = Prisma.join([users.predicate, ...conditions], ' AND ');
    const found = await alongIndex<Row>(
      this.database,
      boundedScan({ rows, visible, order: NEWEST_FIRST, limit }),
    );
    return pageOf(found, limit, toEvent, ({ at, sequence }) => ({ at, sequence }));
  }

  /** Deletes everything older than a time, in batches that lock nothing for long. @returns how many */
  async prune(before: Date): Promise<number> {
    let pruned = 0;
    for (;;) {
      // The broker's role may not delete events: migration integrity.
      const [row] = await this.database.$queryRaw<{ count: number }[]>`
        SELECT prune_audit_events(${before}, ${PRUNE_BATCH}::int) AS count`;
      const count = row?.count ?? 0;
      pruned += count;
      if (count < PRUNE_BATCH) break;
    }
    await this.#compareRetention(before);
    return pruned;
  }

  /** Where broker and database differ, the longer retention counts, and the operator should know. */
  async #compareRetention(before: Date): Promise<void> {
    const [kept] = await this.database.$queryRaw<{ days: number; longer: boolean }[]>`
      SELECT days, ${before} > now() - days * interval '1 day' + interval '1 hour' AS longer FROM audit_retention`;
    if (kept?.longer) {
      this.#log.warn(
        { database_keeps_days: kept.days },
        'the database keeps audit events longer than AUDIT_RETENTION_DAYS says: run `token-broker migrate` with that setting',
      );
    }
  }
}

function within({ since, olderThan }: AuditQuery): Prisma.Sql {
  const from = since === null ? Prisma.empty : Prisma.sql`AND at >= ${since}`;
  if (olderThan === null) return from;
  return Prisma.sql`${from} AND (at, sequence) < (${olderThan.at}, ${olderThan.sequence})`;
}

function toEvent({
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
}: Row): AuditEvent {
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
