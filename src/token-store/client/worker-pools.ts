/**
 * Connections to the workers over which the tables are distributed, past the coordinator, for statements about one user. Whether a
 * worker may be asked is for those who listen to it (change-feed/cluster-changes.ts), where the rows of a user are for
 * distributed/user-shards.ts. Does not own the reading of the database's clock, nor whether tables
 * are distributed (database-pool.ts, PooledServers).
 */
import type pg from 'pg';
import { Logger } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import { type UserShard, UserShards } from '../distributed/user-shards.js';
import { type ServerPlace, workerAddress } from './address-source.js';
import { codesOf, databaseFault } from './database-error.js';
import { DatabasePool } from './database-pool.js';
import { NamedStatements } from './named-statements.js';
import { SERVER_RUN_SQL, STATEMENT_TIMEOUT_MS } from './session.js';

/** What fails later than this is not tried again through the coordinator: no call waits twice for a server that is silent. */
const REPEATED_WITHIN_MS = 500;
/** A worker that refuses connections is not asked for one with each call. */
const UNREACHABLE_PAUSE_MS = 1000;
/** Where an operator must act first: a role, a right or a database is missing there. */
const REFUSED_PAUSE_MS = 60_000;

/**
 * To open one takes as long as some twenty statements, with its first statement (8.4 ms against 0.4). That another server took over the address is seen by the
 * connection that listens, which is replaced as often as those to DATABASE_URL.
 */
const CONNECTION_LIFETIME_MS = 10 * 60_000;
/** Firewalls forget what was silent for some minutes, and tell neither side. */
const IDLE_MS = 3 * 60_000;
/** A worker that does not let connections in is not asked for many. */
const MAX_OPENING = 2;
/** insufficient_privilege: nothing was done. */
const NO_RIGHT = '42501';
/** invalid_authorization_specification, invalid_catalog_name */
const NO_LOGIN = /^(28\w{3}|3D000)$/;

export interface UserStatement {
  readonly userId: string;
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
  /** Whether it changes nothing, and may be sent twice. */
  readonly isRead: boolean;
}

/** A worker to which the broker listens. */
export interface ListenedWorker extends ServerPlace {
  /** Which run of it is listened to (session.ts, SERVER_RUN_SQL); null while its changes are not received. */
  readonly run: () => string | null;
}

/** A pool for each worker, made when it is first used. */
export class WorkerPools {
  #shards = UserShards.NONE;
  #workers: ReadonlyMap<string, ListenedWorker> = new Map();
  readonly #pools = new Map<string, WorkerPool>();
  #isEnded = false;

  constructor(private readonly settings: Settings) {}

  get all(): readonly WorkerPool[] {
    return [...this.#pools.values()];
  }

  /** @param workers by `host:port` */
  update(shards: UserShards, workers: ReadonlyMap<string, ListenedWorker>): void {
    this.#shards = shards;
    this.#workers = workers;
    for (const name of this.#pools.keys()) if (!workers.has(name)) this.#end(name);
  }

  /** @returns the name of the worker that has the rows of a user, whether or not it may be asked; null where it is unknown */
  workerOf(userId: string): string | null {
    return this.#shards.shardOf(userId)?.worker ?? null;
  }

  /** Whether the changes of a worker are received; without a name, of each. */
  receivesChanges(worker?: string): boolean {
    const workers = worker === undefined ? [...this.#workers.values()] : [this.#workers.get(worker)];
    return workers.length > 0 && workers.every((each) => (each?.run() ?? null) !== null);
  }

  /** @returns null where the statements about this user go through the coordinator */
  placeOf(userId: string): { readonly pool: WorkerPool; readonly shard: UserShard } | null {
    const shard = this.#shards.shardOf(userId);
    const worker = shard && this.#workers.get(shard.worker);
    const run = worker?.run() ?? null;
    if (!worker || run === null || this.#isEnded) return null;
    const known = this.#pools.get(shard.worker);
    if (known?.run === run) return { pool: known, shard };
    this.#end(shard.worker);
    const pool = new WorkerPool(this.settings, worker, run);
    this.#pools.set(shard.worker, pool);
    return { pool, shard };
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    const pools = this.all;
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.end()));
  }

  #end(name: string): void {
    void this.#pools.get(name)?.end();
    this.#pools.delete(name);
  }
}

/** Connections to one run of the PostgreSQL of one worker, and to no other server at its address. */
export class WorkerPool {
  readonly connections: DatabasePool;
  readonly #statements: NamedStatements;
  readonly #size: number;
  readonly #name: string;
  readonly #log = new Logger(WorkerPool.name);
  /** By performance.now(): no connection is opened until then. */
  #pausedUntil = 0;
  /** Nothing is asked until then. */
  #refusedUntil = 0;
  #opening = 0;
  #isEnded = false;

  constructor(
    settings: Settings,
    place: ServerPlace,
    readonly run: string,
  ) {
    this.#size = settings.databasePoolSize;
    this.#name = `${place.host}:${place.port}`;
    this.connections = new DatabasePool({
      source: workerAddress(settings, place),
      size: this.#size,
      // As for LISTEN, which goes the same way: listen-connection.ts.
      pooler: settings.databaseDirectUrl === null ? settings.databasePooler : 'session',
      lifetimeMs: CONNECTION_LIFETIME_MS,
      idleMs: IDLE_MS,
      // As long as the coordinator would wait for the worker.
      answerMs: STATEMENT_TIMEOUT_MS,
      admit: (client) => this.#admit(client),
    });
    // What is notified on the same way proves that sessions are kept there.
    this.#statements = new NamedStatements({
      areDirect: () => this.connections.isDirect,
      areKept: () => true,
    });
  }

  /**
   * Runs a statement here, or something else in its place where no connection is free, and where the statement fails if that is safe:
   * it was not sent, or changes nothing.
   */
  async query<Row extends object, Other>(
    { name, text, values, isRead }: Omit<UserStatement, 'userId'>,
    throughCoordinator: () => Promise<Other>,
  ): Promise<Row[] | Other> {
    if (performance.now() < this.#refusedUntil || !this.#hasConnection()) return throughCoordinator();
    const startedAt = performance.now();
    const mayRepeat = () => performance.now() - startedAt < REPEATED_WITHIN_MS;
    let client: pg.PoolClient;
    try {
      client = await this.connections.connect();
    } catch (error) {
      // Where the pool ended, its worker is not silent: another run of it is listened to.
      if (!mayRepeat() && !this.#isEnded) throw error;
      return throughCoordinator();
    }
    try {
      const rows = await this.#statements.run<Row>(client, name, text, values);
      client.release();
      return rows;
    } catch (error) {
      if (codesOf(error).includes(NO_RIGHT)) {
        // The session is as it was.
        client.release();
        this.#refusedUntil = performance.now() + REFUSED_PAUSE_MS;
        this.#warn('the role of DATABASE_URL may not run the statements of tokens at a worker', error);
        return throughCoordinator();
      }
      client.release(true);
      if (!isRead || !mayRepeat() || !databaseFault(error)) throw error;
      return throughCoordinator();
    }
  }

  end(): Promise<void> {
    this.#isEnded = true;
    return this.connections.end();
  }

  /** No call waits until a connection is open: one is opened for those that follow. Where all are in use, it waits for one of them. */
  #hasConnection(): boolean {
    const { idleCount, totalCount, waitingCount } = this.connections;
    if (idleCount > waitingCount || totalCount - this.#opening >= this.#size) return true;
    const mayOpen = this.#opening < MAX_OPENING && totalCount < this.#size;
    if (mayOpen && performance.now() >= this.#pausedUntil) void this.#open();
    return false;
  }

  async #open(): Promise<void> {
    this.#opening++;
    try {
      const client = await this.connections.connect();
      client.release();
    } catch (error) {
      const isRefused = codesOf(error).some((code) => NO_LOGIN.test(code));
      this.#pausedUntil = performance.now() + (isRefused ? REFUSED_PAUSE_MS : UNREACHABLE_PAUSE_MS);
      if (isRefused) this.#warn('a worker refuses the role or the database of the broker', error);
    } finally {
      this.#opening--;
    }
  }

  #warn(what: string, error: unknown): void {
    const codes = codesOf(error);
    this.#log.warn(
      { worker: this.#name, codes },
      `${what}; those about its users go through the coordinator: docs/citus.md`,
    );
  }

  async #admit(client: pg.ClientBase): Promise<void> {
    const { rows } = await client.query<{ server: string }>(`SELECT ${SERVER_RUN_SQL} AS server`);
    if (rows[0]?.server !== this.run)
      throw new Error('Another server than the one that is listened to answers at the address of a worker.');
  }
}
