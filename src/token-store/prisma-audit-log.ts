import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AuditEntry } from '../domain/audit-entry.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { Database } from './database.js';
import { WriteBehind } from './write-behind.js';

/** How long the first of a batch waits for others. What was issued waits as long as the settings say. */
const DELAY_MS = 100;

/** One text for batches of all sizes; Prisma would plan each size anew, for ten milliseconds of the only thread. */
const WRITE = `
  INSERT INTO audit_events
    (id, at, last_at, count, action, outcome, actor, service_id, user_id, client, grant_id, request_id, details)
  SELECT id, at, "lastAt", count, action, outcome, actor, "serviceId", "userId", client, "grantId", "requestId", details
  FROM jsonb_to_recordset($1) AS event(
    id uuid, at timestamptz, "lastAt" timestamptz, count integer, action text, outcome text, actor text,
    "serviceId" text, "userId" text, client text, "grantId" text, "requestId" text, details jsonb)
  ON CONFLICT (id) DO NOTHING`;

type Row = ReturnType<typeof toRow>;

interface Issued {
  readonly alike: string;
  readonly row: Row;
}

/**
 * Writes the audit trail behind its callers' backs, so that a token does not wait for its own record. Tokens that are
 * issued alike until the next flush are counted in one row; everything else is a row of its own.
 */
@Injectable()
export class PrismaAuditLog extends AuditLog implements OnApplicationShutdown {
  readonly #log = new Logger(PrismaAuditLog.name);
  readonly #rows: WriteBehind<Row>;
  readonly #issued: WriteBehind<Issued>;
  readonly #alike = new Map<string, Row>();
  readonly #again = new Map<object, Row>();
  #isWaiting = false;

  constructor(
    private readonly database: Database,
    settings: Settings,
  ) {
    super();
    const complain = (fault: unknown, waiting: number) => {
      database.isOutage(fault);
      // Once, not with each attempt until it is over.
      if (this.#isWaiting) return;
      this.#isWaiting = true;
      this.#log.error(
        { err: fault, waiting },
        'audit events could not be written; they are kept and tried again',
      );
    };
    this.#rows = new WriteBehind((batch) => this.#write(batch), complain, DELAY_MS);
    this.#issued = new WriteBehind((batch) => this.#writeIssued(batch), complain, settings.auditFlushMs);
  }

  override record(entry: AuditEntry): void {
    if (entry.action !== 'token.issue' || entry.outcome !== 'ok') this.#rows.add(toRow(entry));
    else this.#count(entry);
  }

  override get hasRoom(): boolean {
    return this.#rows.hasRoom && this.#issued.hasRoom;
  }

  override async room(): Promise<void> {
    await Promise.all([this.#rows.room(), this.#issued.room()]);
  }

  override async flush(): Promise<void> {
    await Promise.all([this.#rows.flush(), this.#issued.flush()]);
  }

  /** Nest shuts down what depends on the database before the database. */
  async onApplicationShutdown(): Promise<void> {
    const [rows, issued] = await Promise.all([this.#rows.close(), this.#issued.close()]);
    for (const event of [...rows, ...issued.map(({ row }) => row)]) {
      this.#log.error({ event }, 'audit event could not be written');
    }
  }

  #count(entry: AuditEntry): void {
    // An answer that is given again comes with the very same details: found without comparing them.
    const row = this.#again.get(entry.details ?? entry) ?? this.#rowOf(entry);
    row.count++;
    row.lastAt = entry.at;
  }

  #rowOf(entry: AuditEntry): Row {
    const alike = `${entry.serviceId ?? ''} ${entry.grantId ?? ''} ${JSON.stringify(entry.details)}`;
    let row = this.#alike.get(alike);
    if (!row) {
      row = { ...toRow(entry), count: 0 };
      this.#alike.set(alike, row);
      this.#issued.add({ alike, row });
    }
    if (entry.details) this.#again.set(entry.details, row);
    return row;
  }

  async #writeIssued(batch: readonly Issued[]): Promise<void> {
    // Whatever comes from now on is counted anew: a row that is being written must not change.
    for (const { alike } of batch) this.#alike.delete(alike);
    this.#again.clear();
    await this.#write(batch.map(({ row }) => row));
  }

  async #write(batch: readonly Row[]): Promise<void> {
    // A batch may have been written although its answer was lost; ids of our own make a repetition harmless.
    await this.database.prepared('write audit events', WRITE, [JSON.stringify(batch)]);
    this.#isWaiting = false;
  }
}

function toRow({ at, ...entry }: AuditEntry) {
  // PostgreSQL takes no NUL and no half of a surrogate pair. One such row would hold up all behind it.
  const { details = {}, ...columns } = JSON.parse(JSON.stringify(entry), (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '') : value,
  ) as Omit<AuditEntry, 'at'>;
  return { ...columns, id: randomUUID(), at, lastAt: at, count: 1, details };
}
