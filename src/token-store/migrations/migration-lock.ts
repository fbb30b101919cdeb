import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { NO_LIMITS, prepareSession } from '../client/session.js';
import { type Blocker, DatabaseBusy, type LockWait } from './lock-wait.js';

/** The lock of Prisma's engine, so that `prisma migrate deploy` and this exclude each other. */
const LOCK = 72_707_369;
const POLL_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;

/** Describes a session: its role, since when, its last statement. Its text may be another role's secret. */
const DESCRIBED = `format('process %s (%s)%s', a.pid, concat_ws(', ', nullif(a.application_name, ''), 'role ' || a.usename,
    a.state, CASE WHEN a.xact_start IS NOT NULL THEN
      round(extract(epoch FROM clock_timestamp() - a.xact_start)) || ' s in its transaction' END),
    CASE WHEN a.query <> '' THEN ': ' || left(translate(a.query, chr(9) || chr(10) || chr(13), '   '), 100) ELSE '' END)`;

const HOLDERS = `
  SELECT a.pid, ${DESCRIBED} AS what FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
  WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = ${LOCK} AND l.objsubid = 1 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND a.pid <> pg_backend_pid()`;

const BLOCKERS = `
  SELECT a.pid, ${DESCRIBED} AS what FROM pg_stat_activity AS waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
    JOIN pg_stat_activity AS a ON a.pid = blocking.pid
  WHERE waiting.wait_event_type = 'Lock' AND left(waiting.query, length($1::text)) = $1::text`;

/**
 * One migration at a time, by an advisory lock of PostgreSQL. The engine would lock its session, and a pooler in transaction mode keeps that session,
 * locked, for the next client. This lock is of a transaction: it ends with the connection, wherever that leads.
 */
export class MigrationLock {
  #watch: DatabaseClient | null = null;

  private constructor(
    private readonly source: AddressSource,
    private readonly client: DatabaseClient,
  ) {}

  /** @throws {DatabaseBusy} when another one has not ended in time */
  static async take(source: AddressSource, lockWait: LockWait): Promise<MigrationLock> {
    const client = new DatabaseClient({
      source,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      application_name: 'token-broker migrate',
      keepAlive: true,
    });
    const lock = new MigrationLock(source, client);
    try {
      await client.connect();
      await prepareSession(client, null, NO_LIMITS);
      await client.query(
        'BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0',
      );
      await lock.#acquire(lockWait);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /** @param marker what the waiting statement begins with */
  async blockersOf(marker: string): Promise<Blocker[]> {
    // Not within the transaction of the lock: CREATE INDEX CONCURRENTLY waits for the end of each one that it met reading.
    if (!this.#watch) {
      const watch = new DatabaseClient({ source: this.source, application_name: 'token-broker migrate' });
      await watch.connect();
      this.#watch = watch;
    }
    return (await this.#watch.query<Blocker>(BLOCKERS, [marker])).rows;
  }

  async release(): Promise<void> {
    await this.#watch?.end().catch(() => undefined);
    await this.client.query('ROLLBACK').catch(() => undefined);
    await this.client.end().catch(() => undefined);
  }

  async #acquire(lockWait: LockWait): Promise<void> {
    for (;;) {
      const { rows } = await this.client.query<{ taken: boolean; isStandby: boolean }>(
        `SELECT NOT pg_is_in_recovery() AND pg_try_advisory_xact_lock(${LOCK}) AS taken, pg_is_in_recovery() AS "isStandby"`,
      );
      if (rows[0]?.isStandby)
        throw Object.assign(new Error('a standby cannot be migrated'), { code: '25006' });
      if (rows[0]?.taken) return;
      await this.client.query('SELECT pg_stat_clear_snapshot()');
      const { rows: holders } = await this.client.query<Blocker>(HOLDERS);
      lockWait.waitsFor('another migration to end', holders);
      if (!(await lockWait.pause(POLL_MS))) {
        throw new DatabaseBusy('Another migration did not end', holders, lockWait);
      }
    }
  }
}
