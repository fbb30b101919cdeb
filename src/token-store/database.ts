import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import type { DatabaseHealth } from '../domain/ports/database-health.js';
import { databaseFault } from './database-fault.js';
import { PooledServers } from './pooled-servers.js';
import { PrismaClient } from './prisma-client/client.js';

/** A query that takes longer is stuck; better an error than a pool without connections. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** Nobody holds a lock for long: Google is never asked inside a transaction. */
const LOCK_TIMEOUT_MS = 5_000;
/** For a new connection, and for one of the pool to come free. */
const CONNECT_TIMEOUT_MS = 5_000;
const TRANSACTION_TIMEOUT_MS = 10_000;

interface TimedRows {
  readonly rows: readonly object[];
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements DatabaseHealth, OnApplicationShutdown {
  readonly #pool: pg.Pool;
  readonly #servers: PooledServers;

  constructor(settings: Settings, clock: Clock) {
    const servers = new PooledServers(clock, settings.databaseConnectionLifetimeMs);
    // The pool waits for it, though its type does not say so.
    const admit: (client: pg.ClientBase) => unknown = (client) => servers.admit(client);
    const pool = new pg.Pool({
      connectionString: settings.databaseUrl.reveal(),
      max: settings.databasePoolSize,
      // An address may lead to another server by now, while the old one still answers.
      maxLifetimeSeconds: settings.databaseConnectionLifetimeMs / 1000,
      onConnect: admit,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: TRANSACTION_TIMEOUT_MS,
      // For a network that swallows the answer; the server's own timeouts end what it still hears of.
      query_timeout: STATEMENT_TIMEOUT_MS + 2000,
      // The adapter writes and reads times without their zone.
      options: '-c TimeZone=UTC',
      keepAlive: true,
      application_name: 'token-broker',
    });
    // A connection that breaks while nobody uses it is replaced; without a listener it would end the process.
    pool.on('error', () => undefined);
    super({
      // The longer formats quote the arguments of a query.
      errorFormat: 'minimal',
      transactionOptions: { maxWait: CONNECT_TIMEOUT_MS, timeout: TRANSACTION_TIMEOUT_MS },
      adapter: new PrismaPg(pool),
    });
    this.#pool = pool;
    this.#servers = servers;
  }

  /**
   * The statements of every refresh, and what is written behind every call, go past Prisma, on the same connections:
   * prepared once by PostgreSQL, and without Prisma's share, which is most of what such a statement costs.
   * @param name one for each text
   */
  async prepared<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return (await this.#pool.query<Row>({ name, text, values })).rows;
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

  async answers(): Promise<boolean> {
    return this.$queryRaw`SELECT 1`.then(
      () => true,
      () => false,
    );
  }

  isOutage(fault: unknown): boolean {
    return databaseFault(fault)?.code === 'database_unavailable';
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
    await this.#pool.end();
  }
}
