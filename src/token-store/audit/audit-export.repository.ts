import { Injectable } from '@nestjs/common';
import { type ExportPosition, positionAt } from '../../domain/list-position.js';
import { alongIndex, CoveredUsers } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import {
  AUDIT_COLUMNS,
  type AuditColumns,
  type AuditEvent,
  toAuditEvent,
} from './audit-events.repository.js';

export type ExportedEvent = AuditEvent & Pick<ExportPosition, 'recordedAt'>;

type Row = AuditColumns & Pick<ExportPosition, 'recordedAt'> & { readonly visible: boolean };

/** The key of the index audit_trail_recorded. */
const KEY = Prisma.raw('COALESCE(recorded_at, at)');
const PAGE = 1000;

/** By so much the clock of a standby that is promoted may be behind: what it records must not come before what was read. */
const CLOCK_MARGIN = Prisma.raw(`interval '5 seconds'`);
const WAIT_MS = 5000;
const POLL_MS = 20;

/** Transactions that write to the trail. pg_locks shows those of every role, and prepared ones. */
const WRITERS = Prisma.sql`
  SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (SELECT 'public.audit_trail'::regclass::oid UNION ALL
      SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.audit_trail'::regclass)`;

/**
 * Reads the audit trail in the order in which the database recorded it, so that a reader can continue where it stopped. `at` is no
 * such order: events are written later than they happened, after an outage by hours. docs/audit.md says it to readers.
 */
@Injectable()
export class AuditExportRepository {
  constructor(private readonly database: Database) {}

  /**
   * The end of what can be read now: nothing will be recorded before it any more. A row gets its time when its transaction has
   * locked the table; so one that may still commit with an earlier time holds that lock now, and is waited for.
   * @throws when it does not end in time, or the database is a standby, which does not know of it
   */
  async horizon(waitMs = WAIT_MS): Promise<ExportPosition> {
    const [now] = await this.database.$queryRaw<{ horizon: Date; isStandby: boolean }[]>`
      SELECT date_trunc('milliseconds', clock_timestamp()) - ${CLOCK_MARGIN} AS horizon,
        pg_is_in_recovery() AS "isStandby"`;
    if (!now || now.isStandby)
      throw Object.assign(new Error('a standby cannot be exported'), { code: '25006' });
    const until = performance.now() + waitMs;
    let writers = await this.#writers();
    while (writers.length > 0) {
      if (performance.now() > until) {
        throw Object.assign(new Error('a transaction that writes audit events does not end'), {
          code: '55P03',
        });
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const writing = new Set(await this.#writers());
      writers = writers.filter((writer) => writing.has(writer));
    }
    return positionAt(now.horizon);
  }

  /**
   * Every event after a position and before the horizon, page by page.
   * @param users rules of a policy; only `*` itself covers events of no user
   */
  async *read(
    after: ExportPosition | null,
    horizon: ExportPosition,
    users: readonly string[],
  ): AsyncGenerator<readonly ExportedEvent[]> {
    const { predicate } = new CoveredUsers(users);
    let position = after;
    for (;;) {
      const beyond =
        position === null
          ? Prisma.empty
          : Prisma.sql`AND (${KEY}, id) > (${position.recordedAt}, ${position.id}::uuid)`;
      const rows: Row[] = await alongIndex<Row>(
        this.database,
        Prisma.sql`SELECT ${AUDIT_COLUMNS}, ${KEY} AS "recordedAt", (${predicate}) IS TRUE AS visible FROM audit_trail
          WHERE ${KEY} < ${horizon.recordedAt} ${beyond} ORDER BY ${KEY}, id LIMIT ${PAGE}`,
      );
      const visible = rows.filter((row) => row.visible);
      // Also an empty page: a reader that may see little is asked whether it is still there.
      yield visible.map((row) => ({ ...toAuditEvent(row), recordedAt: row.recordedAt }));
      position = rows.at(-1) ?? null;
      if (rows.length < PAGE) return;
    }
  }

  async #writers(): Promise<string[]> {
    const rows = await this.database.$queryRaw<{ writer: string }[]>(WRITERS);
    return rows.map(({ writer }) => writer);
  }
}
