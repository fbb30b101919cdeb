import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { ClientBase } from 'pg';
import type { Clock } from '../../domain/ports/clock.js';
import { IS_DISTRIBUTED } from '../distributed/distributed-tables.js';
import { tracing } from '../../tracing/tracing.js';
import type { AddressSource } from './address-source.js';
import { DatabaseClient } from './database-client.js';
import { type Pooler, prepareSession, SERVER_RUN_SQL } from './session.js';

/** For a new connection, and for one of the pool to come free. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** The system's own is two hours, and firewalls forget a connection that was silent for some minutes. */
const KEEP_ALIVE_MS = 30_000;

interface PoolSettings {
  readonly source: AddressSource;
  readonly size: number;
  readonly pooler: Pooler;
  /** After so long a connection is replaced. */
  readonly lifetimeMs: number;
  /** One that was not used for so long is closed. */
  readonly idleMs: number;
  /** How long a statement is waited for. */
  readonly answerMs: number;
  /** Learns to which server a new connection leads, before anything else is asked on it. */
  readonly admit: (client: pg.ClientBase) => Promise<void>;
}

type Connected = Parameters<pg.Pool['connect']>[0];

/** Connections that are prepared before first use, and closed when their server or session changed. */
export class DatabasePool extends pg.Pool {
  readonly #idle = new Set<pg.PoolClient>();
  /** In use, and to be closed when they come back. */
  readonly #spent = new WeakSet<pg.PoolClient>();
  readonly #busy = new Set<pg.PoolClient>();
  /** Whether no pooler is in between, or one that the operator says keeps sessions. */
  isDirect = false;

  constructor({ source, size, pooler, lifetimeMs, idleMs, answerMs, admit }: PoolSettings) {
    const options: pg.PoolConfig & { source: AddressSource } = {
      source,
      max: size,
      Client: DatabaseClient as unknown as new () => pg.ClientBase,
      maxLifetimeSeconds: lifetimeMs / 1000,
      idleTimeoutMillis: idleMs,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      application_name: 'token-broker',
      // pg-pool waits for it before it hands the connection out, whatever @types/pg says.
      onConnect: ((client: DatabaseClient) => this.#prepare(client, pooler, admit)) as unknown as () => void,
    };
    super(options);
    // An idle connection that breaks is replaced; without a listener it would end the process.
    this.on('error', () => undefined);
    this.on('connect', (client) => {
      this.#watch(client);
    });
    this.on('acquire', (client) => {
      this.#idle.delete(client);
      this.#busy.add(client);
    });
    this.on('release', (_error, client) => {
      this.#busy.delete(client);
      if (this.#spent.has(client) || isUnfinished(client)) giveUp(client);
      else this.#idle.add(client);
    });
    this.on('remove', (client) => {
      this.#idle.delete(client);
      this.#busy.delete(client);
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<pg.PoolClient> | void {
    if (!callback) return super.connect();
    // A waiting caller gets its connection in the context of the caller that released it: its statement would count as part of that trace.
    super.connect(tracing() ? AsyncLocalStorage.bind(callback) : callback);
  }

  /** Those who wait for a connection get none: pg-pool would let them wait until their time is over. */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    const ended = super.end();
    const waiting = Reflect.get(this, '_pendingQueue') as { callback: (error: Error) => void }[];
    for (const each of waiting.splice(0))
      each.callback(new Error('Cannot use a pool after calling end on the pool'));
    if (!callback) return ended;
    void ended.then(callback);
  }

  async #prepare(client: DatabaseClient, pooler: Pooler, admit: PoolSettings['admit']): Promise<void> {
    await prepareSession(client, pooler);
    await admit(client);
    this.isDirect = !client.isShared;
  }

  #watch(client: pg.PoolClient): void {
    const { connection } = client as pg.Client;
    connection.on('errorMessage', ({ code }: { code?: string }) => {
      // The server became a standby: new connections may reach the new primary.
      if (code === '25006') this.#renew();
    });
    connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
      if (status.parameterName === 'in_hot_standby' && status.parameterValue === 'on') this.#renew();
    });
  }

  #renew(): void {
    for (const client of this.#busy) this.#spent.add(client);
    for (const client of [...this.#idle]) client.emit('error', new Error('The server can only be read now.'));
  }
}

/** A transaction that was left open, or a query that was abandoned: its rows would go to the next user. */
function isUnfinished(client: pg.PoolClient): boolean {
  const status = client.getTransactionStatus();
  return status !== null && (status !== 'I' || Reflect.get(client, 'readyForQuery') === false);
}

/** What makes pg-pool close it. */
function giveUp(client: pg.PoolClient): void {
  Reflect.set(client, '_queryable', false);
}

/** An old connection that is at work lives a little longer than it may. */
const LAST_WORK_MS = 15_000;

interface Pooled {
  readonly server: string;
  readonly openedAt: number;
}

/** Which servers the pool's connections reach. After a failover that left the old primary running, these may be two. */
export class PooledServers {
  readonly #pooled = new Map<ClientBase, Pooled>();
  readonly #maxAgeMs: number;
  /** As the newest connection found it: distributing happens while brokers run. */
  areDistributed = false;

  constructor(
    private readonly clock: Clock,
    lifetimeMs: number,
  ) {
    this.#maxAgeMs = lifetimeMs + LAST_WORK_MS;
  }

  /** Before the first use of a connection, so that no row is read or written by a clock other than the database's. */
  async admit(client: ClientBase): Promise<void> {
    const sentAt = performance.now();
    const { rows } = await client.query<{ databaseMs: number; server: string; isDistributed: boolean }>(
      `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "databaseMs", ${SERVER_RUN_SQL} AS server,
        ${IS_DISTRIBUTED} AS "isDistributed"`,
    );
    const [row] = rows;
    if (!row) return;
    const openedAt = performance.now();
    this.areDistributed = row.isDistributed;
    this.clock.synchronise({ databaseMs: row.databaseMs, sentAt, receivedAt: openedAt });
    this.#pooled.set(client, { server: row.server, openedAt });
    client.once('end', () => this.#pooled.delete(client));
  }

  /** One that a silent network took never says that it ended; but it is not used beyond its lifetime. */
  areAll(server: string): boolean {
    const oldest = performance.now() - this.#maxAgeMs;
    for (const [client, pooled] of this.#pooled) {
      if (pooled.openedAt < oldest) this.#pooled.delete(client);
      else if (pooled.server !== server) return false;
    }
    return true;
  }
}
