import { Injectable, Logger } from '@nestjs/common';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { AuditTrail, type AuditEvent, type AuditQuery } from '../domain/ports/audit-trail.js';
import { Database } from './database.js';
import type { Prisma } from './prisma-client/client.js';

const PRUNE_BATCH = 5000;

@Injectable()
export class PrismaAuditTrail extends AuditTrail {
  readonly #log = new Logger(PrismaAuditTrail.name);

  constructor(private readonly database: Database) {
    super();
  }

  override async find({
    users,
    userId,
    serviceId,
    since,
    olderThan,
    limit,
  }: AuditQuery): Promise<AuditEvent[]> {
    const rows = await this.database.auditEvent.findMany({
      where: {
        AND: [
          coveredBy(users),
          userId === null ? {} : { userId },
          serviceId === null ? {} : { serviceId },
          since === null ? {} : { at: { gte: since } },
          olderThan === null
            ? {}
            : {
                at: { lte: olderThan.at },
                OR: [{ at: { lt: olderThan.at } }, { sequence: { lt: olderThan.sequence } }],
              },
        ],
      },
      orderBy: [{ at: 'desc' }, { sequence: 'desc' }],
      take: limit,
    });
    return rows.map((row) => ({
      ...row,
      action: row.action as AuditAction,
      details: row.details as Record<string, AuditDetail>,
    }));
  }

  override async prune(before: Date): Promise<number> {
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

  /** Two who say different things: the longer time counts, and an operator should know. */
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

/** domain/policy.ts says what the rules mean. */
function coveredBy(rules: readonly string[]): Prisma.AuditEventWhereInput {
  if (rules.includes('*')) return {};
  const prefixes = rules.filter((rule) => rule.endsWith('*')).map((rule) => rule.slice(0, -1));
  return {
    OR: [
      { userId: { in: rules.filter((rule) => !rule.endsWith('*')) } },
      // Prisma leaves the wildcards of LIKE as they are, and _ is common in user ids.
      ...prefixes.map((prefix) => ({ userId: { startsWith: prefix.replaceAll(/[\\%_]/g, '\\$&') } })),
    ],
  };
}
