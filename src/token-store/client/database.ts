import type pg from 'pg';
import { createHash } from 'node:crypto';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import type { DatabaseHealth } from '../../domain/ports/database-health.js';
import { MigrationState, type RecordedMigration } from '../migrations/migration-state.js';
import { type Prisma, PrismaClient } from '../prisma-client/client.js';
import { AddressSource } from './address-source.js';
import { codesOf, databaseFault, type DatabaseFault, NO_ANSWER, READ_ONLY } from './database-error.js';
import { CONNECT_TIMEOUT_MS, DatabasePool } from './database-pool.js';
import { OutageLog } from './outage-log.js';
import { PooledServers } from './pooled-servers.js';
import { TRANSACTION_TIMEOUT_MS } from './session.js';
import { AdapterWithZones } from './timestamps.js';

const READINESS = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly",
    (SELECT json_agg(json_build_object('name', migration_name, 'isFinished', finished_at IS NOT NULL))
      FROM public._prisma_migrations WHERE rolled_back_at IS NULL) AS migrations`;

/** A statement of this name is not in the session, is there already, or was prepared for a table that changed since. */
const NAME_FAULTS = ['26000', '42P05', '0A000'];

interface TimedRows {
  readonly rows: readonly object[];
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements DatabaseHealth, OnApplicationShutdown {
  readonly #pool: DatabasePool;
  readonly #servers: PooledServers;
  readonly #outages = new OutageLog(() => this.#look());
  readonly #migrations: MigrationState;
  readonly #names = new Map<string, string>();
  readonly #namesAreOff: boolean;
  #areNamesRefused = false;
  #lastError: unknown = null;
  #hearsChanges: () => boolean = () => false;

  constructor(settings: Settings, clock: Clock) {
    const servers = new PooledServers(clock, settings.databaseConnectionLifetimeMs);
    const pool = new DatabasePool({
      source: new AddressSource(settings.databaseUrl, settings.databaseUrlFile),
      size: settings.databasePoolSize,
      pooler: settings.databasePooler,
      // An address may lead to another server by now, while the old one still answers.
      lifetimeMs: settings.databaseConnectionLifetimeMs,
      admit: (client) => servers.admit(client),
    });
    super({
      // The longer formats quote the arguments of a query.
      errorFormat: 'minimal',
      transactionOptions: { maxWait: CONNECT_TIMEOUT_MS, timeout: TRANSACTION_TIMEOUT_MS },
      adapter: new AdapterWithZones(pool),
    });
    this.#pool = pool;
    this.#servers = servers;
    this.#migrations = new MigrationState(settings.allowNewerSchema);
    // Only who hears changes through the very pooler of this pool knows that it keeps sessions.
    this.#namesAreOff =
      settings.databasePooler === 'transaction' ||
      (settings.databasePooler === null && settings.databaseDirectUrl !== null);
  }

  /** Statements have names only where a session is kept: behind a pooler that is known by changes that are heard. */
  nameStatementsWhile(hearsChanges: () => boolean): void {
    this.#hearsChanges = hearsChanges;
  }

  /**
   * The statements of every refresh, and what is written behind every call, go past Prisma, on the same connections:
   * prepared once by PostgreSQL, and without Prisma's share, which is most of what such a statement costs.
   * @param name one for each text
   */
  async prepared<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    if (!this.#mayName()) return (await this.#pool.query<Row>({ text, values })).rows;
    try {
      return (await this.#pool.query<Row>({ name: this.#nameOf(name, text), text, values })).rows;
    } catch (error) {
      const fault = codesOf(error).find((code) => NAME_FAULTS.includes(code));
      if (fault === undefined) throw error;
      if (fault !== '0A000') this.#areNamesRefused = true;
      // It was refused before it ran.
      return (await this.#pool.query<Row>({ text, values })).rows;
    }
  }

  /** One statement that is not prepared. @returns when it went out and when its answer came, too, by performance.now() */
  async timed(text: string, values: unknown[], timeoutMs: number): Promise<TimedRows> {
    const client = await this.#pool.connect();
    try {
      const sentAt = performance.now();
      const query: pg.QueryConfig & { readonly query_timeout: number } = {
        text,
        values,
        query_timeout: timeoutMs,
      };
      const { rows } = await client.query<object>(query);
      client.release();
      return { rows, sentAt, receivedAt: performance.now() };
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** Whether all pooled connections are at this server: change-listener.ts, SERVER. */
  reachesOnly(server: string): boolean {
    return this.#servers.areAll(server);
  }

  async fault(): Promise<string | null> {
    const fault = await this.#look();
    if (fault) this.#outages.note(fault, this.#lastError);
    return fault?.message ?? null;
  }

  isOutage(error: unknown): boolean {
    const fault = databaseFault(error);
    if (!fault) return false;
    this.#outages.note(fault, error);
    return true;
  }

  async onApplicationShutdown(): Promise<void> {
    this.#outages.close();
    await this.$disconnect();
    await this.#pool.end();
  }

  async #look(): Promise<DatabaseFault | null> {
    this.#lastError = null;
    try {
      const { rows } = await this.#pool.query<{
        isReadOnly: boolean;
        migrations: RecordedMigration[] | null;
      }>(READINESS);
      const [row] = rows;
      if (row?.isReadOnly) return READ_ONLY;
      return this.#migrations.fault(row?.migrations ?? []);
    } catch (error) {
      this.#lastError = error;
      return databaseFault(error) ?? NO_ANSWER;
    }
  }

  #mayName(): boolean {
    if (this.#pool.isDirect) return true;
    return !this.#namesAreOff && !this.#areNamesRefused && this.#hearsChanges();
  }

  /** Behind a pooler, a session may hold statements of another version: one name never stands for two texts. */
  #nameOf(name: string, text: string): string {
    let full = this.#names.get(name);
    if (full === undefined) {
      full = `${name} ${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
      this.#names.set(name, full);
    }
    return full;
  }
}

/** A value of ours for a JSON column. Prisma wants an index signature, which our interfaces rightly lack. */
export function toJson(value: object): Prisma.InputJsonObject {
  return value;
}
