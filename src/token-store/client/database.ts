import type pg from 'pg';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { type Prisma, PrismaClient } from '../prisma-client/client.js';
import { AddressSource } from './address-source.js';
import { ConcurrencyLimit } from './concurrency-limit.js';
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

/** The share of the pool for users of one worker, through the coordinator. */
const SHARE_OF_A_WORKER = 4;
/** Statements about all users: they have a share like those about one worker. */
const ALL_SERVERS = '';
/** Rather an error than a call that waits for a worker that is silent. */
const WAIT_FOR_SHARE_MS = 1000;
/** Opened where they are needed: two as a rule, and one more for each server that is silent. */
const INFORMING = 20;

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements OnApplicationShutdown {
  readonly #pool: DatabasePool;
  /**
   * Where tables are distributed: for heartbeats, and for what the coordinator knows by itself. All connections of the other pool may wait
   * for a worker that is silent.
   */
  readonly #informing: DatabasePool;
  readonly #ofServer: ConcurrencyLimit;
  readonly #servers: PooledServers;
  readonly #statements: NamedStatements;
  /** Past the server of DATABASE_URL, where the tables are distributed over several. */
  readonly workers: WorkerPools;
  #keepsSessions: () => boolean = () => false;

  constructor(settings: Settings, clock: Clock, meter: Meter) {
    const servers = new PooledServers(clock, settings.databaseConnectionLifetimeMs);
    const poolOf = (size: number) =>
      new DatabasePool({
        source: new AddressSource(settings.databaseUrl, settings.databaseUrlFile),
        size,
        pooler: settings.databasePooler,
        // An address may lead to another server by now, while the old one still answers.
        lifetimeMs: settings.databaseConnectionLifetimeMs,
        idleMs: IDLE_MS,
        answerMs: ANSWER_MS,
        admit: (client) => servers.admit(client),
      });
    const pool = poolOf(settings.databasePoolSize);
    super({
      // The longer formats quote the arguments of a query.
      errorFormat: 'minimal',
      transactionOptions: { maxWait: CONNECT_TIMEOUT_MS, timeout: TRANSACTION_TIMEOUT_MS },
      adapter: new AdapterWithZones(pool),
    });
    this.#pool = pool;
    this.#informing = poolOf(INFORMING);
    const share = Math.max(1, Math.floor(settings.databasePoolSize / SHARE_OF_A_WORKER));
    const receivesChanges = (server: string) =>
      this.workers.receivesChanges(server === ALL_SERVERS ? undefined : server);
    this.#ofServer = new ConcurrencyLimit(share, WAIT_FOR_SHARE_MS, receivesChanges);
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
    const throughCoordinator = () => this.preparedAtCoordinator<Row>(statement);
    const place = this.workers.placeOf(statement.userId);
    return place ? place.pool.query<Row, Row[]>(statement, throughCoordinator) : throughCoordinator();
  }

  /** The same where the worker was asked already, or cannot be. */
  preparedAtCoordinator<Row extends object>(statement: Omit<UserStatement, 'isRead'>): Promise<Row[]> {
    const { userId, name, text, values } = statement;
    return this.aboutUser(userId, () => this.prepared<Row>(name, text, values));
  }

  /**
   * What asks for rows of one user through the pool. For users of one worker so much at a time that, where it is silent, connections are
   * left for all others.
   * @param whose null: of all users, so that any server may keep it waiting
   */
  aboutUser<Result>(whose: string | null, work: () => Promise<Result>): Promise<Result> {
    if (!this.isDistributed()) return work();
    const server = whose === null ? ALL_SERVERS : this.workers.workerOf(whose);
    return server === null ? work() : this.aboutServer(server, work);
  }

  /** @param server `host:port` of a worker, or ALL_SERVERS */
  aboutServer<Result>(server: string, work: () => Promise<Result>): Promise<Result> {
    return this.#ofServer.run(server, work);
  }

  /** One statement past Prisma that is not prepared. */
  async unprepared<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, [...values])).rows;
  }

  /** The same for what the server of DATABASE_URL knows by itself: of several servers no other one can delay it. */
  async informing<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.timed(text, values, ANSWER_MS)).rows as Row[];
  }

  /** The same with a timeout of its own. @returns when it went out and when its answer came, too, by performance.now() */
  async timed(text: string, values: unknown[], timeoutMs: number): Promise<TimedRows> {
    const client = await (this.isDistributed() ? this.#informing : this.#pool).connect();
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

  /** Whether all pooled connections are at this server: session.ts, SERVER_RUN_SQL. */
  reachesOnly(server: string): boolean {
    return this.#servers.areAll(server);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
    await Promise.all([this.#pool.end(), this.#informing.end(), this.workers.end()]);
  }
}

/** A value for a JSON column. Prisma wants an index signature, which interfaces lack. */
export function toJson(value: object): Prisma.InputJsonObject {
  return value;
}
