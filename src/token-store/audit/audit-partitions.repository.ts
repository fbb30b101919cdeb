import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';

/** Months that have a partition before they begin. */
const MONTHS_AHEAD = 3;

/**
 * The months of the audit trail: their partitions are made ahead, and dropped whole after the retention. The broker's role may
 * do neither; functions of the tables' owner do (migration audit_trail), one replica at a time, and by the database's clock. Does
 * not own what is in them: audit-log.repository.ts writes it, and what has no partition yet goes to the default one.
 */
@Injectable()
export class AuditPartitionsRepository {
  readonly #log = new Logger(AuditPartitionsRepository.name);

  constructor(private readonly database: Database) {}

  /** Makes those of this month and the next ones, where they are missing. */
  async createAhead(): Promise<void> {
    const [row] = await this.database.$queryRaw<{ made: string[] }[]>`
      SELECT create_audit_partitions(${MONTHS_AHEAD}::int) AS made`;
    if (row && row.made.length > 0)
      this.#log.log({ partitions: row.made }, 'made partitions of the audit trail');
  }

  /**
   * Drops the partitions of which every event is older than a time. Of events that are in no month's partition, deletes those that
   * are, in batches that lock nothing for long.
   */
  async prune(before: Date, shutdown?: AbortSignal): Promise<void> {
    for (;;) {
      const [row] = await this.database.$queryRaw<{ dropped: string | null }[]>`
        SELECT drop_audit_partition(${before}) AS dropped`;
      const dropped = row?.dropped ?? null;
      if (dropped === null) break;
      this.#log.log({ partition: dropped }, 'dropped a partition of the audit trail after its retention');
    }
    await inBatches(async () => {
      const [row] = await this.database.$queryRaw<{ count: number }[]>`
        SELECT prune_audit_events(${before}, ${MAX_BATCH_ROWS}::int) AS count`;
      return row?.count ?? 0;
    }, shutdown);
    await this.#compareRetention(before);
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
