/**
 * The triggers of a table whose rows are copied to its shards: those rows would notify, in a commit of two phases. The database notes
 * which ones are disabled, so that those and no others are enabled again, also after a run that was killed; no broker is ready while
 * it does. Owns no step of distributing (distribute.ts).
 */
import pg from 'pg';
import { UNFINISHED_DISTRIBUTION } from './distributed-tables.js';

/** By `tgenabled`. */
const ENABLE: Readonly<Record<string, string>> = { O: 'ENABLE', A: 'ENABLE ALWAYS', R: 'ENABLE REPLICA' };

/** Says in the database that distributing has begun. */
export async function noteBegin(client: pg.Client): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${UNFINISHED_DISTRIBUTION} (relation text, name text, mode text, PRIMARY KEY (relation, name))`,
  );
}

export async function noteEnd(client: pg.Client): Promise<void> {
  await client.query(`DROP TABLE IF EXISTS ${UNFINISHED_DISTRIBUTION}`);
}

export async function pauseTriggers(client: pg.Client, table: string): Promise<void> {
  await client.query('BEGIN');
  const { rows } = await client.query<{ name: string }>(
    `INSERT INTO ${UNFINISHED_DISTRIBUTION} SELECT $1::text, tgname, tgenabled FROM pg_trigger
     WHERE tgrelid = to_regclass($1::text) AND NOT tgisinternal AND tgenabled <> 'D' RETURNING name`,
    [table],
  );
  for (const { name } of rows)
    await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ${pg.escapeIdentifier(name)}`);
  await client.query('COMMIT');
}

/** Also those of the shards, at each server: a change of the table's trigger leaves theirs as they are. */
export async function resumeTriggers(client: pg.Client): Promise<void> {
  const { rows: noted } = await client.query<{ relation: string; name: string; mode: string }>(
    `SELECT relation, name, mode FROM ${UNFINISHED_DISTRIBUTION}`,
  );
  for (const { relation, name, mode } of noted) {
    const run = (suffix: string) => `DO $do$ DECLARE one record; BEGIN
      FOR one IN SELECT tgrelid::regclass AS relation, tgname AS name FROM pg_trigger
        WHERE NOT tgisinternal AND tgenabled = 'D' AND tgname ~ '^${name}(${suffix})?$'
          AND (SELECT relname FROM pg_class WHERE oid = tgrelid) ~ '^${relation}${suffix}$'
      LOOP EXECUTE format('ALTER TABLE %s ${ENABLE[mode] ?? ''} TRIGGER %I', one.relation, one.name); END LOOP; END $do$`;
    await client.query(run(''));
    const { rows } = await client.query<{ success: boolean; result: string }>(
      'SELECT success, result FROM run_command_on_all_nodes($1)',
      [run('_\\d+')],
    );
    const failed = rows.find(({ success }) => !success);
    if (failed) throw new Error(`The triggers could not be enabled again: ${failed.result}`);
    await client.query(`DELETE FROM ${UNFINISHED_DISTRIBUTION} WHERE relation = $1 AND name = $2`, [
      relation,
      name,
    ]);
  }
}
