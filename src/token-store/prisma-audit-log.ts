import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { AuditEntry } from '../domain/audit-entry.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { Database } from './database.js';
import { toJson } from './json.js';
import { WriteBehind } from './write-behind.js';

/**
 * Writes the audit trail behind its callers' backs, so that a token does not wait for its own record. (When many
 * issuances of one kind are to become one row, this is the place: before `createMany`.)
 */
@Injectable()
export class PrismaAuditLog extends AuditLog implements OnApplicationShutdown {
  readonly #log = new Logger(PrismaAuditLog.name);
  readonly #rows: WriteBehind<ReturnType<typeof toRow>>;

  constructor(database: Database) {
    super();
    this.#rows = new WriteBehind(
      async (batch) => {
        // A batch may have been written although its answer was lost; ids of our own make a repetition harmless.
        await database.auditEvent.createMany({ data: [...batch], skipDuplicates: true });
      },
      (fault, waiting) => {
        this.#log.error(
          { err: fault, waiting },
          'audit events could not be written; they are kept and tried again',
        );
      },
    );
  }

  override record(entry: AuditEntry): void {
    this.#rows.add(toRow(entry));
  }

  override room(): Promise<void> {
    return this.#rows.room();
  }

  override flush(): Promise<void> {
    return this.#rows.flush();
  }

  /** Nest shuts down what depends on the database before the database. */
  async onApplicationShutdown(): Promise<void> {
    for (const event of await this.#rows.close())
      this.#log.error({ event }, 'audit event could not be written');
  }
}

function toRow({ at, ...entry }: AuditEntry) {
  // PostgreSQL takes no NUL and no half of a surrogate pair. One such row would hold up all behind it.
  const { details = {}, ...columns } = JSON.parse(JSON.stringify(entry), (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '') : value,
  ) as Omit<AuditEntry, 'at'>;
  return { ...columns, id: randomUUID(), at, details: toJson(details) };
}
