import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { MigrationState, type RecordedMigration } from '../migrations/migration-state.js';
import {
  codesOf,
  databaseFault,
  type DatabaseFault,
  NO_ANSWER,
  NOT_MIGRATED,
  READ_ONLY,
} from './database-error.js';
import { IS_PARTLY_DISTRIBUTED } from '../distributed/distributed-tables.js';
import { Database } from './database.js';

const READINESS = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly",
    ${IS_PARTLY_DISTRIBUTED} AS "isPartlyDistributed",
    (SELECT json_agg(json_build_object('name', migration_name, 'isFinished', finished_at IS NOT NULL))
      FROM public._prisma_migrations WHERE rolled_back_at IS NULL) AS migrations`;

/** Whether the database can be reached, can be written to, and has the schema of this version. */
@Injectable()
export class DatabaseHealth implements OnApplicationShutdown {
  readonly #migrations: MigrationState;
  readonly #outages = new OutageLog(() => this.#check());
  #lastError: unknown = null;

  constructor(
    private readonly database: Database,
    settings: Settings,
  ) {
    this.#migrations = new MigrationState(settings.allowNewerSchema);
  }

  /** @returns why the database cannot serve, as a sentence that says what to do; null when it can */
  async fault(): Promise<string | null> {
    const fault = await this.#check();
    if (fault) this.#outages.note(fault, this.#lastError);
    return fault?.message ?? null;
  }

  /** Whether an error means only that the database cannot serve now. The outage is logged once, however many calls fail. */
  isOutage(error: unknown): boolean {
    const fault = databaseFault(error);
    if (!fault) return false;
    this.#outages.note(fault, error);
    return true;
  }

  onApplicationShutdown(): void {
    this.#outages.close();
  }

  async #check(): Promise<DatabaseFault | null> {
    this.#lastError = null;
    try {
      const [row] = await this.database.informing<{
        isReadOnly: boolean;
        isPartlyDistributed: boolean;
        migrations: RecordedMigration[] | null;
      }>(READINESS);
      if (row?.isReadOnly) return READ_ONLY;
      if (row?.isPartlyDistributed) return NOT_MIGRATED;
      return this.#migrations.fault(row?.migrations ?? []);
    } catch (error) {
      this.#lastError = error;
      return databaseFault(error) ?? NO_ANSWER;
    }
  }
}

const CHECK_MS = 1000;
/** How long without failures until an outage is over that the check never saw: a full disk can be read. */
const QUIET_MS = 30_000;

/** Logs an outage once, with its cause, and its end once, however many calls fail in between. */
class OutageLog {
  readonly #log = new Logger('Database');
  #timer: NodeJS.Timeout | null = null;
  #lastAt = 0;
  #isSeen = false;
  #isChecking = false;

  /** @param check why the database cannot serve; null when it can */
  constructor(private readonly check: () => Promise<DatabaseFault | null>) {}

  note(fault: DatabaseFault, error?: unknown): void {
    this.#lastAt = performance.now();
    if (this.#timer) return;
    this.#log.error(error ? { err: error, codes: codesOf(error) } : {}, fault.message);
    this.#isSeen = false;
    this.#timer = setInterval(() => void this.#checkAgain(), CHECK_MS).unref();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #checkAgain(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const began = performance.now();
    const fault = await this.check().finally(() => (this.#isChecking = false));
    if (fault) {
      this.#isSeen = true;
      this.#lastAt = performance.now();
      return;
    }
    // A call that failed during the check may have failed after it.
    const isQuiet = this.#isSeen ? this.#lastAt < began : performance.now() - this.#lastAt > QUIET_MS;
    if (!this.#timer || !isQuiet) return;
    this.close();
    this.#log.log('the database serves again');
  }
}
