import pg from 'pg';
import type { AddressSource } from './address-source.js';
import { chooseHost } from './choose-host.js';
import type { DatabaseAddress } from './database-address.js';
import { readingTimestamps } from './timestamps.js';
import { tracedQuery } from './traced-query.js';

export interface DatabaseClientConfig extends pg.ClientConfig {
  readonly source: AddressSource;
}

/** For Prisma's transactions behind a pooler, where SET would reach the transactions of others. */
const BEGIN_WITH_LIMITS = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 10000;
  SET LOCAL lock_timeout = 5000; SET LOCAL idle_in_transaction_session_timeout = 10000`;

/**
 * A coordinator of several servers says so where the server of changed rows did not answer to COMMIT: it may have done it or not. In
 * no other language, and with the code of any internal error. Where it only warns (failed to commit transaction on …), no change is
 * lost: the server was only read from, or keeps what it prepared. https://github.com/citusdata/citus, placement_connection.c
 */
const LOST_COMMIT = /^could not commit transaction for shard \d+ on /;
/** transaction_resolution_unknown */
const UNKNOWN = '08007';

type TypeParsers = pg.CustomTypesConfig;

/**
 * A connection that reads its address when it is made, finds the right one of several servers, and reads timestamps
 * whatever the session's time zone is.
 */
export class DatabaseClient extends pg.Client {
  readonly #source: AddressSource;
  readonly #address: DatabaseAddress;
  /** What the server, or a pooler in front of it, reports of the session and of each change in it. */
  readonly reported = new Map<string, string>();
  /** Whether statements of one connection may reach several sessions of the server, or another's. */
  isShared = false;

  constructor(config: DatabaseClientConfig) {
    const address = config.source.current();
    super({ ...config, ...address.hosts[0], types: readingTimestamps(pg.types, (date) => date) });
    this.#source = config.source;
    this.#address = address;
    // Queries and pools learn what ended a session; in between, from the login on, its end would end the process.
    this.on('error', () => undefined);
    const connection = this.connection as NodeJS.EventEmitter;
    connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      this.reported.set(message.parameterName, message.parameterValue);
    });
    connection.on('errorMessage', (error: { message?: string; code?: string }) => {
      if (error.message !== undefined && LOST_COMMIT.test(error.message)) error.code = UNKNOWN;
    });
    const query = tracedQuery(
      this.query.bind(this) as (config: unknown, ...rest: unknown[]) => unknown,
      this,
    );
    // Prisma's adapter brings parsers of its own, which take the time of any zone for UTC.
    this.query = ((config: unknown, ...rest: unknown[]) => {
      if (!isOfPrisma(config)) return query(config, ...rest);
      return query(this.#adapted(config), ...rest);
    }) as typeof this.query;
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<pg.Client> | void {
    const connecting = this.#connect();
    if (!callback) return connecting;
    connecting.then(
      () => {
        callback(null);
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
  }

  async #connect(): Promise<pg.Client> {
    if (this.#address.hosts.length > 1) {
      const { host, port } = await chooseHost(this.#source, this.#address).catch((error: unknown) => {
        // As pg does itself: a query would wait for a connection that never comes.
        Reflect.set(this, '_queryable', false);
        throw error;
      });
      Object.assign(this, { host, port });
    }
    return super.connect();
  }

  #adapted(config: PrismaQuery): PrismaQuery {
    const text = this.isShared && config.text === 'BEGIN' ? BEGIN_WITH_LIMITS : config.text;
    return { ...config, text, types: readingTimestamps(config.types, (date) => date.toISOString()) };
  }

  /** No parameter that a pooler may refuse: all else is set once connected. https://www.pgbouncer.org/config.html */
  getStartupConf(): Record<string, unknown> {
    const own = Reflect.get(pg.Client.prototype, 'getStartupConf') as () => Record<string, unknown>;
    return { ...own.call(this), client_encoding: 'UTF8' };
  }
}

interface PrismaQuery {
  readonly text: string;
  readonly types: TypeParsers;
}

function isOfPrisma(config: unknown): config is PrismaQuery {
  return typeof config === 'object' && config !== null && 'types' in config;
}
