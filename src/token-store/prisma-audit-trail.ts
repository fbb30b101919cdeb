import { Injectable } from '@nestjs/common';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { AuditTrail, type AuditEvent, type AuditQuery } from '../domain/ports/audit-trail.js';
import { Database } from './database.js';
import type { Prisma } from './prisma-client/client.js';

const PRUNE_BATCH = 5000;

@Injectable()
export class PrismaAuditTrail extends AuditTrail {
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
      const count = await this.database.$executeRaw`
        DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE at < ${before} LIMIT ${PRUNE_BATCH})`;
      pruned += count;
      if (count < PRUNE_BATCH) return pruned;
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
