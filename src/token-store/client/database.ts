import type pg from 'pg';
import { createHash } from 'node:crypto';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Meter } from '../../domain/metrics/meter.js';
import { POOL_CONNECTIONS, POOL_MAX_CONNECTIONS, POOL_WAITING } from '../../domain/metrics/system-metrics.js';
import { Clock } from '../../domain/ports/clock.js';
import { type Prisma, PrismaClient } from '../prisma-client/client.js';
import { AddressSource } from './address-source.js';
import { codesOf } from './database-error.js';
import { CONNECT_TIMEOUT_MS, DatabasePool, PooledServers } from './database-pool.js';
import { TRANSACTION_TIMEOUT_MS } from './session.js';
import { AdapterWithZones } from './timestamps.js';

/** A statement of this name is not in the session, is there already, or was prepared for a table that changed since. */
const NAME_FAULTS = ['26000', '42P05', '0A000'];

interface TimedRows {
  readonly rows: readonly object[];
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements OnApplicationShutdown {
  readonly #pool: DatabasePool;
  readonly #servers: PooledServers;
  readonly #names = new Map<string, string>();
  readonly #namesAreOff: boolean;
  #areNamesRefused = false;
  #keepsSessions: () => boolean = () => false;

  constructor(settings: Settings, clock: Clock, meter: Meter) {
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
    const connections = meter.gauge(POOL_CONNECTIONS);
    connections.observe({ state: 'in_use' }, () => pool.totalCount - pool.idleCount);
    connections.observe({ state: 'idle' }, () => pool.idleCount);
    meter.gauge(POOL_MAX_CONNECTIONS).observe({}, () => settings.databasePoolSize);
    meter.gauge(POOL_WAITING).observe({}, () => pool.waitingCount);
    // Notifications received through the pooler of this pool prove that it keeps sessions.
    this.#namesAreOff =
      settings.databasePooler === 'transaction' ||
      (settings.databasePooler === null && settings.databaseDirectUrl !== null);
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
    await this.#pool.end();
  }

  #mayName(): boolean {
    if (this.#pool.isDirect) return true;
    return !this.#namesAreOff && !this.#areNamesRefused && this.#keepsSessions();
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

/** A value for a JSON column. Prisma wants an index signature, which interfaces lack. */
export function toJson(value: object): Prisma.InputJsonObject {
  return value;
}
