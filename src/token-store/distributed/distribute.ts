import type pg from 'pg';
import type { AddressSource } from '../client/address-source.js';
import { NotDistributable, withOwnSession } from './own-session.js';
import { noteBegin, noteEnd, pauseTriggers, resumeTriggers } from './paused-triggers.js';
import { DISTRIBUTED_FUNCTIONS } from './distributed-functions.js';
import {
  DISTRIBUTION_COLUMN,
  DISTRIBUTED_TABLES,
  UNFINISHED_DISTRIBUTION,
  type DistributedTable,
} from './distributed-tables.js';

/** Heartbeats of the change feed at each server: a row there is written by a replica as a change of a grant is. */
const DISTRIBUTED_HEARTBEATS = 'distributed_heartbeats';

const FOREIGN_KEYS = ['access_tokens', 'ads_trees'];

/** One run at a time, also where the previous one was killed and its last step continues at the server. */
const LOCK = `hashtextextended('token-broker migrate --distribute', 0)`;

/** @throws {NotDistributable} */
export async function assertDistributable(source: AddressSource): Promise<void> {
  await withOwnSession(source, async (client) => {
    await assertCluster(client);
    await assertNoLimits(client);
  });
}

/**
 * Distributes the tables of distributed-tables.ts over the servers of a Citus database, by user. Each step looks at what is there and does
 * what is missing, so that it can be interrupted and run again; the functions by which brokers know are the last thing that it makes.
 * @param source one of which `assertDistributable` says that its tables can be
 * @param say gets what it does, line by line
 */
export async function distribute(source: AddressSource, say: (line: string) => void): Promise<void> {
  await withOwnSession(source, async (client) => {
    await waitForEarlierRun(client, say);
    try {
      await client.query('SET client_min_messages = warning');
      await distributeTables(client, say);
    } finally {
      await client.query(`SELECT pg_advisory_unlock(${LOCK})`).catch(() => undefined);
    }
  });
}

async function distributeTables(client: pg.Client, say: (line: string) => void): Promise<void> {
  const there = await distributedTables(client);
  const waiting = DISTRIBUTED_TABLES.filter(({ name }) => !there.includes(name));
  if (waiting.length > 0) await noteBegin(client);
  const { rows } = await client.query<{ isUnfinished: boolean }>(
    `SELECT to_regclass('public.${UNFINISHED_DISTRIBUTION}') IS NOT NULL AS "isUnfinished"`,
  );
  try {
    if (waiting.length > 0) await dropForeignKeys(client);
    for (const table of waiting) await distributeTable(client, table, say);
    for (const { name } of DISTRIBUTED_TABLES) await truncateCopies(client, name);
  } catch (error) {
    await leave(client, say);
    throw error;
  }
  if (rows[0]?.isUnfinished) await resumeTriggers(client);
  await addForeignKeys(client, say);
  await addHeartbeats(client, say);
  await makeFunctions(client, say);
  await noteEnd(client);
}

async function distributeTable(client: pg.Client, table: DistributedTable, say: (line: string) => void) {
  await replaceKeys(client, table, say);
  say(`Distributing ${table.name} by ${DISTRIBUTION_COLUMN}`);
  await pauseTriggers(client, table.name);
  const first = DISTRIBUTED_TABLES[0]?.name ?? '';
  await client.query('SELECT create_distributed_table($1::regclass, $2, colocate_with => $3)', [
    table.name,
    DISTRIBUTION_COLUMN,
    table.name === first ? 'none' : first,
  ]);
}

/** What failed is thrown by the caller. Where no table is distributed yet, the database is one of one server again. */
async function leave(client: pg.Client, say: (line: string) => void): Promise<void> {
  try {
    await client.query('ROLLBACK');
    await resumeTriggers(client);
    const left = await distributedTables(client);
    if (DISTRIBUTED_TABLES.some(({ name }) => left.includes(name))) return;
    await addForeignKeys(client, say, 'ON UPDATE CASCADE');
    await noteEnd(client);
  } catch (error) {
    say(`Triggers or foreign keys are missing until this is run again: ${(error as Error).message}`);
  }
}

async function makeFunctions(client: pg.Client, say: (line: string) => void): Promise<void> {
  for (const { name, types, sql } of DISTRIBUTED_FUNCTIONS) {
    await client.query(sql);
    const { rows } = await client.query(
      `SELECT 1 FROM pg_catalog.pg_dist_object
       WHERE objid = $1::regprocedure AND distribution_argument_index IS NOT NULL`,
      [`${name}(${types})`],
    );
    if (rows.length > 0) continue;
    say(`Making the function ${name} for each server`);
    await client.query(
      `SELECT create_distributed_function($1::regprocedure, '$1', colocate_with => 'grants')`,
      [`${name}(${types})`],
    );
  }
}

async function waitForEarlierRun(client: pg.Client, say: (line: string) => void): Promise<void> {
  const { rows } = await client.query<{ isFree: boolean }>(
    `SELECT pg_try_advisory_lock(${LOCK}) AS "isFree"`,
  );
  if (rows[0]?.isFree) return;
  say('Waiting for the last step of an earlier run');
  await client.query(`SELECT pg_advisory_lock(${LOCK})`);
}

/** The rows have been copied; those that stayed at the coordinator serve nothing. Also after a run that ended before this. */
async function truncateCopies(client: pg.Client, table: string): Promise<void> {
  const { rows: parts } = await client.query<{ name: string }>(
    `SELECT relid::text AS name FROM pg_partition_tree($1) WHERE isleaf AND pg_relation_size(relid) > 0`,
    [table],
  );
  for (const { name } of parts)
    await client.query('SELECT truncate_local_data_after_distributing_table($1::regclass)', [name]);
}

async function assertCluster(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`SELECT 1 FROM pg_extension WHERE extname = 'citus'`);
  if (rows.length === 0) {
    throw new NotDistributable(
      'The database has no extension citus, so that its tables cannot be distributed over several servers. ' +
        'Load citus (shared_preload_libraries) on every server, run CREATE EXTENSION citus in this database there, and add the ' +
        'servers with citus_add_node: docs/citus.md.',
    );
  }
  const { rows: nodes } = await client.query<{ isCoordinator: boolean; servers: number }>(
    `SELECT citus_is_coordinator() AS "isCoordinator",
       (SELECT count(*)::int FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards) AS servers`,
  );
  if (!nodes[0]?.isCoordinator)
    throw new NotDistributable('DATABASE_URL leads to a worker of the cluster. Run this at its coordinator.');
  if (nodes[0].servers === 0)
    throw new NotDistributable(
      'The cluster has no server for rows. Add some with citus_add_node: docs/citus.md.',
    );
}

/** The sessions in which the coordinator copies rows to the other servers have the limits that the role has there. */
async function assertNoLimits(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server: string; limits: string }>(
    `SELECT nodename || ':' || nodeport AS server, result AS limits FROM run_command_on_workers($$
       SELECT string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE setting <> '0' AND name IN
         ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout') $$)
     WHERE success AND result <> ''`,
  );
  const [found] = rows;
  if (found)
    throw new NotDistributable(
      `At the server ${found.server} sessions have ${found.limits}, which would end the copying of rows. ` +
        'Set it to 0 for the role of DATABASE_URL (ALTER ROLE … SET), and back afterwards.',
    );
}

async function distributedTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT logicalrelid::regclass::text AS name FROM pg_dist_partition',
  );
  return rows.map(({ name }) => name);
}

/** What one server alone can keep unique becomes an index, or goes. */
async function replaceKeys(client: pg.Client, table: DistributedTable, say: (line: string) => void) {
  const { name, key, oneServerKeys } = table;
  for (const { name: index, columns, isIndexKept } of oneServerKeys) {
    const { rows } = await client.query<{ constraint: boolean; columns: string[] }>(
      `SELECT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) AS constraint, ARRAY(SELECT attname::text
         FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute AS a ON a.attrelid = indrelid AND a.attnum = k.attnum ORDER BY place) AS columns
       FROM pg_index WHERE indexrelid = to_regclass($1)`,
      [index],
    );
    const [found] = rows;
    if (!found || found.columns.join() !== columns.join()) continue;
    say(`Dropping the key ${index}, which one server alone can keep`);
    await client.query(
      found.constraint ? `ALTER TABLE ${name} DROP CONSTRAINT ${index}` : `DROP INDEX ${index}`,
    );
    if (isIndexKept)
      await client.query(
        `CREATE INDEX IF NOT EXISTS ${name}_${columns.join('_')}_idx ON ${name} (${columns.join(', ')})`,
      );
  }
  const { rows: keys } = await client.query(
    `SELECT 1 FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'p'`,
    [name],
  );
  if (keys.length > 0) return;
  say(`Making the key of ${name}: ${key.join(', ')}`);
  // Where no user is concerned; what tables are distributed by cannot be NULL. The versions without months are gone.
  await client.query(`UPDATE ${name} SET ${DISTRIBUTION_COLUMN} = '' WHERE ${DISTRIBUTION_COLUMN} IS NULL`);
  await client.query('DROP TRIGGER IF EXISTS audit_events_redirect ON audit_events');
  await client.query(
    `ALTER TABLE ${name} ALTER COLUMN ${DISTRIBUTION_COLUMN} SET DEFAULT '', ALTER COLUMN ${DISTRIBUTION_COLUMN} SET NOT NULL,
       ADD CONSTRAINT ${name}_pkey PRIMARY KEY (${key.join(', ')})`,
  );
}

/** A foreign key stands between two tables that are distributed alike, or between none. A user's rows never become another's there: no
 * ON UPDATE. */
async function dropForeignKeys(client: pg.Client): Promise<void> {
  for (const table of FOREIGN_KEYS)
    await client.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${table}_user_id_grant_id_fkey`);
}

async function addForeignKeys(client: pg.Client, say: (line: string) => void, onUpdate = ''): Promise<void> {
  for (const table of FOREIGN_KEYS) {
    const name = `${table}_user_id_grant_id_fkey`;
    const { rows } = await client.query('SELECT 1 FROM pg_constraint WHERE conname = $1', [name]);
    if (rows.length > 0) continue;
    say(`Making the foreign key of ${table}`);
    await client.query(
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} FOREIGN KEY (user_id, grant_id)
         REFERENCES grants (user_id, id) ON DELETE CASCADE ${onUpdate}`,
    );
  }
}

async function addHeartbeats(client: pg.Client, say: (line: string) => void): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${DISTRIBUTED_HEARTBEATS} (place text NOT NULL, replica_id uuid NOT NULL,
       heartbeat_id uuid NOT NULL, sent_at timestamptz(3) NOT NULL, PRIMARY KEY (place, replica_id)) WITH (fillfactor = 50)`,
  );
  if ((await distributedTables(client)).includes(DISTRIBUTED_HEARTBEATS)) return;
  say('Making the table of heartbeats at each server');
  await client.query(`DROP TRIGGER IF EXISTS distributed_heartbeat_sent ON ${DISTRIBUTED_HEARTBEATS}`);
  await client.query(
    `CREATE TRIGGER distributed_heartbeat_sent AFTER INSERT OR UPDATE ON ${DISTRIBUTED_HEARTBEATS}
       FOR EACH ROW EXECUTE FUNCTION notify_change_heartbeat()`,
  );
  await client.query(
    `SELECT create_distributed_table('${DISTRIBUTED_HEARTBEATS}', 'place', colocate_with => 'grants')`,
  );
}
