import pg from 'pg';
import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { SPREAD_FUNCTIONS } from './spread-functions.js';
import { IS_SPREAD, SPREAD_COLUMN, SPREAD_TABLES, type SpreadTable } from './spread-tables.js';

/** The database cannot be spread; the message says what is missing. */
export class NotSpreadable extends Error {
  override readonly name = 'NotSpreadable';
}

/** Heartbeats of the change feed at each server: a row there is written by a replica as a change of a grant is. */
const SPREAD_HEARTBEATS = 'spread_heartbeats';

const FOREIGN_KEYS = ['access_tokens', 'ads_trees'];

/** Whether the tables of a database are spread. */
export async function isSpread(source: AddressSource): Promise<boolean> {
  return withClient(source, async (client) => {
    const { rows } = await client.query<{ isSpread: boolean }>(`SELECT ${IS_SPREAD} AS "isSpread"`);
    return rows[0]?.isSpread === true;
  });
}

/**
 * Spreads the tables of spread-tables.ts over the servers of a Citus database, by user. Each step looks at what is there and does
 * what is missing, so that it can be interrupted and run again; the last one makes the function by which brokers know.
 * @param say gets what it does, line by line
 * @throws {NotSpreadable}
 */
export async function distribute(source: AddressSource, say: (line: string) => void): Promise<void> {
  await withClient(source, async (client) => {
    await assertCluster(client);
    await waitForEarlierRun(client, say);
    await client.query('SET search_path = public, pg_catalog');
    // Each shard has its triggers, which notify at its server.
    await client.query('SET citus.enable_unsafe_triggers = on');
    await client.query('SET client_min_messages = warning');
    const spread = await spreadTables(client);
    const waiting = SPREAD_TABLES.filter(({ name }) => !spread.includes(name));
    if (waiting.length > 0) await dropForeignKeys(client);
    for (const table of waiting) {
      await replaceKeys(client, table, say);
      say(`Spreading ${table.name} by ${SPREAD_COLUMN}`);
      // Rows that are copied would notify, in a commit of two phases.
      await client.query(`ALTER TABLE ${table.name} DISABLE TRIGGER USER`);
      const first = SPREAD_TABLES[0]?.name ?? '';
      await client.query('SELECT create_distributed_table($1::regclass, $2, colocate_with => $3)', [
        table.name,
        SPREAD_COLUMN,
        table.name === first ? 'none' : first,
      ]);
    }
    for (const { name } of SPREAD_TABLES) await truncateCopies(client, name);
    await enableTriggers(client);
    await addForeignKeys(client, say);
    await addHeartbeats(client, say);
    for (const { name, types, sql } of SPREAD_FUNCTIONS) {
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
  });
}

/** The step that a killed run had begun goes on at the server, to its end. */
async function waitForEarlierRun(client: pg.Client, say: (line: string) => void): Promise<void> {
  const key = `hashtextextended('token-broker migrate --distribute', 0)`;
  const { rows } = await client.query<{ isFree: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS "isFree"`);
  if (rows[0]?.isFree) return;
  say('Waiting for the last step of an earlier run');
  await client.query(`SELECT pg_advisory_lock(${key})`);
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

/** Also of the shards, at each server: a change of the table's trigger leaves theirs as they are. */
async function enableTriggers(client: pg.Client): Promise<void> {
  const tables = SPREAD_TABLES.map(({ name }) => name);
  const run = (name: string) => `DO $do$ DECLARE one record; BEGIN
    FOR one IN SELECT tgrelid::regclass AS relation, tgname AS name FROM pg_trigger
      WHERE NOT tgisinternal AND tgenabled = 'D'
        AND (SELECT relname FROM pg_class WHERE oid = tgrelid) ~ '^(${tables.join('|')})${name}$'
    LOOP EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', one.relation, one.name); END LOOP; END $do$`;
  await client.query(run(''));
  const { rows } = await client.query<{ success: boolean; result: string }>(
    'SELECT success, result FROM run_command_on_all_nodes($1)',
    [run('_\\d+')],
  );
  const failed = rows.find(({ success }) => !success);
  if (failed) throw new Error(`The triggers could not be enabled again: ${failed.result}`);
}

async function assertCluster(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`SELECT 1 FROM pg_extension WHERE extname = 'citus'`);
  if (rows.length === 0) {
    throw new NotSpreadable(
      'The database has no extension citus, so that its tables cannot be spread over several servers. ' +
        'Load citus (shared_preload_libraries) on every server, run CREATE EXTENSION citus in this database there, and add the ' +
        'servers with citus_add_node: docs/scaling.md.',
    );
  }
  const { rows: nodes } = await client.query<{ isCoordinator: boolean; servers: number }>(
    `SELECT citus_is_coordinator() AS "isCoordinator",
       (SELECT count(*)::int FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards) AS servers`,
  );
  if (!nodes[0]?.isCoordinator)
    throw new NotSpreadable('DATABASE_URL leads to a worker of the cluster. Run this at its coordinator.');
  if (nodes[0].servers === 0)
    throw new NotSpreadable(
      'The cluster has no server for rows. Add some with citus_add_node: docs/scaling.md.',
    );
}

async function spreadTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT logicalrelid::regclass::text AS name FROM pg_dist_partition',
  );
  return rows.map(({ name }) => name);
}

/** What one server alone can keep unique becomes an index, or goes. */
async function replaceKeys(client: pg.Client, table: SpreadTable, say: (line: string) => void) {
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
  // Where no user is concerned; what tables are spread by cannot be NULL. Versions from before months were there are gone.
  await client.query(`UPDATE ${name} SET ${SPREAD_COLUMN} = '' WHERE ${SPREAD_COLUMN} IS NULL`);
  await client.query('DROP TRIGGER IF EXISTS audit_events_redirect ON audit_events').catch(() => undefined);
  await client.query(
    `ALTER TABLE ${name} ALTER COLUMN ${SPREAD_COLUMN} SET DEFAULT '', ALTER COLUMN ${SPREAD_COLUMN} SET NOT NULL,
       ADD CONSTRAINT ${name}_pkey PRIMARY KEY (${key.join(', ')})`,
  );
}

/** A foreign key stands between two tables that are spread alike, or between none. A user's rows never become another's there: no
 * ON UPDATE. */
async function dropForeignKeys(client: pg.Client): Promise<void> {
  for (const table of FOREIGN_KEYS)
    await client.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${table}_user_id_grant_id_fkey`);
}

async function addForeignKeys(client: pg.Client, say: (line: string) => void): Promise<void> {
  for (const table of FOREIGN_KEYS) {
    const name = `${table}_user_id_grant_id_fkey`;
    const { rows } = await client.query('SELECT 1 FROM pg_constraint WHERE conname = $1', [name]);
    if (rows.length > 0) continue;
    say(`Making the foreign key of ${table}`);
    await client.query(
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} FOREIGN KEY (user_id, grant_id)
         REFERENCES grants (user_id, id) ON DELETE CASCADE`,
    );
  }
}

async function addHeartbeats(client: pg.Client, say: (line: string) => void): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${SPREAD_HEARTBEATS} (place text NOT NULL, replica_id uuid NOT NULL,
       heartbeat_id uuid NOT NULL, sent_at timestamptz(3) NOT NULL, PRIMARY KEY (place, replica_id)) WITH (fillfactor = 50)`,
  );
  if ((await spreadTables(client)).includes(SPREAD_HEARTBEATS)) return;
  say('Making the table of heartbeats at each server');
  await client.query(`DROP TRIGGER IF EXISTS spread_heartbeat_sent ON ${SPREAD_HEARTBEATS}`);
  await client.query(
    `CREATE TRIGGER spread_heartbeat_sent AFTER INSERT OR UPDATE ON ${SPREAD_HEARTBEATS}
       FOR EACH ROW EXECUTE FUNCTION notify_change_heartbeat()`,
  );
  await client.query(
    `SELECT create_distributed_table('${SPREAD_HEARTBEATS}', 'place', colocate_with => 'grants')`,
  );
}

async function withClient<T>(source: AddressSource, use: (client: DatabaseClient) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({ source, application_name: 'token-broker migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
