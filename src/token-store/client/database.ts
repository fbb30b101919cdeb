import type pg from 'pg';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { type Prisma, PrismaClient } from '../prisma-client/client.js';
import { AddressSource } from './address-source.js';
import { CONNECT_TIMEOUT_MS, DatabasePool, PooledServers } from './database-pool.js';
import { NamedStatements } from './named-statements.js';
import { observePools } from './pool-metrics.js';
import { ANSWER_MS, TRANSACTION_TIMEOUT_MS } from './session.js';
import { AdapterWithZones } from './timestamps.js';
import { type UserStatement, WorkerPools } from './worker-pools.js';

interface TimedRows {
  readonly rows: readonly object[];
  readonly sentAt: number;
  readonly receivedAt: number;
}

const IDLE_MS = 10_000;

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements OnApplicationShutdown {
  readonly #pool: DatabasePool;
  readonly #servers: PooledServers;
  readonly #statements: NamedStatements;
  /** Past the server of DATABASE_URL, where the tables are distributed over several. */
  readonly workers: WorkerPools;
  #keepsSessions: () => boolean = () => false;

  constructor(settings: Settings, clock: Clock, meter: Meter) {
    const servers = new PooledServers(clock, settings.databaseConnectionLifetimeMs);
    const pool = new DatabasePool({
      source: new AddressSource(settings.databaseUrl, settings.databaseUrlFile),
      size: settings.databasePoolSize,
      pooler: settings.databasePooler,
      // An address may lead to another server by now, while the old one still answers.
      lifetimeMs: settings.databaseConnectionLifetimeMs,
      idleMs: IDLE_MS,
      answerMs: ANSWER_MS,
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
    this.workers = new WorkerPools(settings);
    // Notifications received through the pooler of this pool prove that it keeps sessions.
    const areNamesOff =
      settings.databasePooler === 'transaction' ||
      (settings.databasePooler === null && settings.databaseDirectUrl !== null);
    this.#statements = new NamedStatements({
      areDirect: () => pool.isDirect,
      areKept: () => !areNamesOff && this.#keepsSessions(),
    });
    observePools(meter, 'database', () => [pool]);
    observePools(meter, 'citus_workers', () => this.workers.all.map(({ connections }) => connections));
  }

  /** Whether the tables are distributed over several servers: distributed/distribute.ts. */
  isDistributed(): boolean {
    return this.#servers.areDistributed;
  }

  /** Statements are named only where sessions are kept: behind a pooler, received notifications prove that. */
  nameStatementsWhile(keepsSessions: () => boolean): void {
    this.#keepsSessions = keepsSessions;
  }

  /**
   * The statements of every refresh, and what is written behind every call, go past Prisma, on the same connections:
   * prepared once by PostgreSQL, and without Prisma's share, which is most of what such a statement costs.
   * @param name one for each text
   */
  prepared<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return this.#statements.run(this.#pool, name, text, values);
  }

  /** The same for a statement about one user of distributed tables: sent to the worker that has the rows, where that can be. */
  async preparedForUser<Row extends object>(statement: UserStatement): Promise<Row[]> {
    const { userId, name, text, values } = statement;
    const throughCoordinator = () => this.prepared<Row>(name, text, values);
    const place = this.workers.placeOf(userId);
    return place ? place.pool.query<Row, Row[]>(statement, throughCoordinator) : throughCoordinator();
  }

  /** One statement past Prisma that is not prepared. */
  async unprepared<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, [...values])).rows;
  }

  /** The same with a timeout of its own. @returns when it went out and when its answer came, too, by performance.now() */
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

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
    await Promise.all([this.#pool.end(), this.workers.end()]);
  }
}

/** A value for a JSON column. Prisma wants an index signature, which interfaces lack. */
export function toJson(value: object): Prisma.InputJsonObject {
  return value;
}
