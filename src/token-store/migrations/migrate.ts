import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationList, SchemaFilter } from '@prisma/schema-engine-wasm';
import { Secret } from '../../domain/secret.js';
import { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { codesOf } from '../client/database-error.js';
import { assertDistributable, distribute } from '../distributed/distribute.js';
import { withOwnSession } from '../distributed/own-session.js';
import { runByStatement } from '../distributed/distributed-migration.js';
import { distributionState } from '../distributed/distribution-state.js';
import { isConcurrent } from '../distributed/statements.js';
import { type Blocker, DatabaseBusy, LockWait } from './lock-wait.js';
import { MigrationLock } from './migration-lock.js';
import { aheadOf, migrationNames } from './migration-state.js';
import { withSchemaEngine } from './schema-engine.js';

const NO_FILTER: SchemaFilter = { externalTables: [], externalEnums: [] };
const WAIT_MS = 60_000;
/** While a statement waits for a table, all others wait behind it: so it waits briefly and retries. */
const LOCK_TIMEOUT_MS = 500;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 4_000;
const POLL_MS = 150;

const PARTLY_DISTRIBUTED =
  'The tables are distributed over the servers only in part: `token-broker migrate --distribute` was interrupted. ' +
  'Run it to its end; until then no broker is ready.';

export interface MigrateOptions {
  /** How long it waits for others in all. */
  readonly waitMs?: number;
  /** Gets what it waits for, line by line. */
  readonly say?: (line: string) => void;
  /** Whether the tables are to be distributed over the servers of a cluster, where they are not yet. */
  readonly distribute?: boolean;
}

/**
 * Brings the database to the newest schema. Safe to run again and, where the tables are not distributed, beside
 * `prisma migrate deploy`.
 * @param database its URL, or where that is read from: past a pooler where possible
 * @param folder the path of prisma/migrations
 * @returns the names of the migrations that were applied just now
 * @throws {NotDistributable} when the tables are to be distributed and cannot be
 * @throws {DatabaseBusy} when other sessions blocked for too long; then the remaining migrations are left for the next run
 */
export async function migrate(
  database: string | AddressSource,
  folder: string,
  { waitMs = WAIT_MS, say = () => undefined, distribute: isWanted = false }: MigrateOptions = {},
): Promise<string[]> {
  const source = typeof database === 'string' ? new AddressSource(new Secret(database)) : database;
  const lockWait = new LockWait(waitMs, say);
  const lock = await MigrationLock.take(source, lockWait);
  try {
    const state = await distributionState(source);
    const isOfSeveralServers = state !== 'one server';
    // Before anything is changed.
    if (state === 'distributed' || isWanted) await assertDistributable(source);
    else if (state === 'in part') await withOwnSession(source, () => Promise.resolve());
    await forgetUnfinished(source, { alsoFailed: isOfSeveralServers });
    const scripts = new Scripts(folder, source, lock, lockWait, isOfSeveralServers);
    const apply = withSchemaEngine(
      source,
      async (engine) =>
        engine.applyMigrations({ migrationsList: readMigrations(folder), filters: NO_FILTER }),
      (script, run) => scripts.run(script, run),
    );
    const { appliedMigrationNames } = await apply.catch((error: unknown) =>
      leave(source, scripts.reason ?? error),
    );
    const unknown = await unknownMigrations(source, folder);
    if (unknown.length > 0) say(aheadOf(unknown).message);
    // What a cluster also needs, such as functions of this version.
    if (state === 'distributed' || isWanted) await distribute(source, say);
    else if (state === 'in part') say(PARTLY_DISTRIBUTED);
    return appliedMigrationNames;
  } finally {
    await lock.release();
  }
}

/**
 * Runs each migration as one transaction that yields to other sessions while it waits for a lock; where the tables are distributed over
 * several servers, statement by statement.
 */
class Scripts {
  readonly #names: ReadonlyMap<string, string>;
  /** Why the last one was given up or failed, where the engine does not say it. */
  reason: unknown = null;

  constructor(
    folder: string,
    private readonly source: AddressSource,
    private readonly lock: MigrationLock,
    private readonly lockWait: LockWait,
    private readonly isOfSeveralServers: boolean,
  ) {
    this.#names = new Map(migrationNames(folder).map((name) => [readScript(folder, name), name]));
  }

  async run(script: string, run: (sql: string) => Promise<void>): Promise<void> {
    const name = this.#names.get(script);
    const marker = `/* token-broker migrate ${randomUUID()} */`;
    const sql = `${marker} ${name === undefined || isConcurrent(script) ? script : inOneTransaction(script, name)}`;
    const isByStatement = this.isOfSeveralServers && name !== undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const blockers = new Map<number, Blocker>();
      try {
        if (isConcurrent(script)) await dropInvalidIndex(this.source, script);
        const running = isByStatement
          ? runByStatement(this.source, { name, script, marker, lockTimeoutMs: LOCK_TIMEOUT_MS })
          : run(sql);
        await this.#watched(marker, blockers, running);
        return;
      } catch (error) {
        const isLocked = codesOf(error).includes('55P03');
        if (isByStatement && !isLocked) this.reason = error;
        if (!isLocked) throw error;
        if (await this.lockWait.pause(pauseMs)) continue;
        const what = `The migration ${name ?? ''} did not get its lock on a table`;
        this.reason = new DatabaseBusy(what, [...blockers.values()], this.lockWait);
        throw error;
      }
    }
  }

  async #watched(marker: string, blockers: Map<number, Blocker>, running: Promise<void>): Promise<void> {
    const over = new AbortController();
    const watch = async () => {
      for (;;) {
        // Ends with the migration: dozens of them would add up to seconds of waiting.
        await sleep(POLL_MS, undefined, { signal: over.signal });
        const found = await this.lock.blockersOf(marker);
        for (const blocker of found) blockers.set(blocker.pid, blocker);
        if (found.length > 0) this.lockWait.waitsFor('a lock on a table', found);
      }
    };
    const watching = watch().catch(() => undefined);
    try {
      await running;
    } finally {
      over.abort();
      await watching;
    }
  }
}

/** What an interrupted CREATE INDEX CONCURRENTLY leaves: an index that serves nothing, in the way of the next attempt. */
async function dropInvalidIndex(source: AddressSource, script: string): Promise<void> {
  const [, index] = /CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?"(\w+)"/i.exec(script) ?? [];
  if (index === undefined) return;
  await withClient(source, async (client) => {
    const { rows } = await client.query(
      `SELECT 1 FROM pg_index JOIN pg_class ON oid = indexrelid
       WHERE relnamespace = 'public'::regnamespace AND relname = $1 AND NOT indisvalid`,
      [index],
    );
    // IF EXISTS: of a distributed table some shards may not have it yet.
    if (rows.length > 0)
      await client.query(`DROP INDEX CONCURRENTLY IF EXISTS public.${pg.escapeIdentifier(index)}`);
  });
}

/** Several statements sent as one are one transaction, which also records that the migration finished. */
function inOneTransaction(script: string, name: string): string {
  return `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = 0;
SET LOCAL search_path = public;
${script}
;
UPDATE public._prisma_migrations SET finished_at = clock_timestamp()
WHERE migration_name = ${pg.escapeLiteral(name)} AND finished_at IS NULL AND rolled_back_at IS NULL`;
}

/** Removes the record of a migration that was given up: the engine refuses to continue after a failed one. */
async function leave(source: AddressSource, error: unknown): Promise<never> {
  if (error instanceof DatabaseBusy) await forgetUnfinished(source, { alsoFailed: true });
  throw error;
}

/**
 * A migration that is recorded neither as failed nor as finished was interrupted, and its transaction with it. One of distributed tables goes
 * on where it failed, too: distributed-migration.ts.
 */
async function forgetUnfinished(
  source: AddressSource,
  { alsoFailed }: { alsoFailed: boolean },
): Promise<void> {
  await withClient(source, async (client) => {
    const { rows } = await client.query(`SELECT to_regclass('public._prisma_migrations') AS records`);
    if ((rows[0] as { records: string | null }).records === null) return;
    await client.query(
      `DELETE FROM public._prisma_migrations
       WHERE finished_at IS NULL AND rolled_back_at IS NULL AND ($1 OR logs IS NULL)`,
      [alsoFailed],
    );
  });
}

function unknownMigrations(source: AddressSource, folder: string): Promise<string[]> {
  return withClient(source, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT migration_name AS name FROM public._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY name',
    );
    const known = migrationNames(folder);
    return rows.map(({ name }) => name).filter((name) => !known.includes(name));
  });
}

async function withClient<T>(source: AddressSource, use: (client: DatabaseClient) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({ source, application_name: 'token-broker migrate' });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function readScript(folder: string, name: string): string {
  return readFileSync(join(folder, name, 'migration.sql'), 'utf8');
}

function readMigrations(folder: string): MigrationList {
  const lockfile = 'migration_lock.toml';
  return {
    baseDir: folder,
    lockfile: { path: lockfile, content: readFileSync(join(folder, lockfile), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: migrationNames(folder).map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readScript(folder, name) },
      },
    })),
  };
}
