import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { MigrationState, type RecordedMigration } from '../migrations/migration-state.js';
import { databaseFault, type DatabaseFault, NO_ANSWER, READ_ONLY } from './database-error.js';
import { Database } from './database.js';
import { OutageLog } from './outage-log.js';

const READINESS = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly",
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
      const [row] = await this.database.unprepared<{
        isReadOnly: boolean;
        migrations: RecordedMigration[] | null;
      }>(READINESS);
      if (row?.isReadOnly) return READ_ONLY;
      return this.#migrations.fault(row?.migrations ?? []);
    } catch (error) {
      this.#lastError = error;
      return databaseFault(error) ?? NO_ANSWER;
    }
  }
}
