/**
 * What tests do otherwise where they run on a cluster (npm run test:citus): a database is one at each server, and what a test changes
 * in all grants is changed user by user, since a NOTIFY cannot be part of a commit of two phases.
 */
import { test } from '@jest/globals';
import pg from 'pg';
import { createDistributedDatabase, dropDatabase } from '../../sandbox/trial/citus.js';
import { BLOCKED_SESSIONS } from './until.js';

/** The addresses of all servers, the coordinator first; null on one PostgreSQL. */
export const servers = JSON.parse(process.env['TEST_CITUS_SERVERS'] ?? 'null') as readonly string[] | null;

/** Makes a copy of the migrated template. */
export async function copyTemplate(base: string, name: string): Promise<void> {
  const copy = async (server: string) => {
    const client = new pg.Client({ connectionString: `${server}postgres` });
    await client.connect();
    await client.query(`CREATE DATABASE ${name} TEMPLATE migrated`);
    await client.end();
  };
  await Promise.all((servers ?? [base]).map(copy));
}

/**
 * Drops a copy whose test has ended, on a cluster: there each database has processes of its own at each server, which look for deadlocks
 * and prepared transactions every other second. On one PostgreSQL the run's end drops all.
 */
export async function dropCopy(url: string): Promise<void> {
  await dropDatabase(servers ?? [], new URL(url).pathname.slice(1));
}

/** Skipped on a cluster, where it is otherwise: docs/citus.md. */
export const testOfOneServer = servers === null ? test : test.skip;
export const isCluster = servers !== null;

/** A database of the cluster, with no table in it. @returns its URL at the coordinator */
export async function createEmptyDatabase(name: string): Promise<string> {
  await createDistributedDatabase(servers ?? [], name);
  return `${servers?.[0] ?? ''}${name}`;
}

const OF_ALL_USERS = /^\s*(UPDATE|DELETE FROM) grants\b(?![^]*\buser_id\b\s*=)/;
const GRANTS_OF_SEVERAL = /^(\s*INSERT INTO grants \([^)]*\))\s*(SELECT[^]*)$/;
const OF_TRIGGERS = /\b(CREATE|DROP|ALTER)\b[^;]*\bTRIGGER\b/;
const UPDATED_TABLE = /^(\s*UPDATE )(\w+)\b/;

/** In the words of Citus: what one server does and several refuse, and tests use to prepare what they need. */
const UNSTABLE_FUNCTION = /STABLE functions used in UPDATE queries|must not be VOLATILE/;
const NO_USER = 'INSERT with NULL in the partition column';

/** Runs a statement of a test: on a cluster, in the form that it takes. */
export async function runSql(database: pg.Client, query: string, values?: unknown[]): Promise<Rows> {
  if (servers === null) return (await database.query<Record<string, unknown>>(query, values)).rows;
  // They wait at the servers of their rows.
  if (query === BLOCKED_SESSIONS)
    return runSql(database, 'SELECT count(*)::int AS count FROM citus_lock_waits');
  if (OF_ALL_USERS.test(query)) return changeEachUser(database, query, values);
  const inserted = GRANTS_OF_SEVERAL.exec(query);
  if (inserted) return insertEach(database, inserted[1] ?? '', inserted[2] ?? '', values);
  try {
    if (OF_TRIGGERS.test(query)) return await runEach(database, query);
    return (await database.query<Record<string, unknown>>(query, values)).rows;
  } catch (error) {
    const { message } = error as Error;
    if (UNSTABLE_FUNCTION.test(message)) return updateShards(database, query, values);
    // What concerns no user is under the empty one where tables are distributed.
    if (message.includes(NO_USER))
      return runSql(
        database,
        query,
        values?.map((value) => value ?? ''),
      );
    throw error;
  }
}

/** For what fills a database. */
export function inEachForm(database: pg.Client) {
  return { query: (query: string, values?: unknown[]) => runSql(database, query, values) };
}

type Rows = Record<string, unknown>[];

/** Of what changes triggers, the coordinator sends the whole text to the workers, which take one statement at a time. */
async function runEach(database: pg.Client, query: string): Promise<Rows> {
  await database.query('SET citus.enable_unsafe_triggers = on');
  let rows: Rows = [];
  for (const [statement] of query.matchAll(/(?:\$\$[^]*?\$\$|'[^']*'|[^;'])+/g))
    if (statement.trim() !== '') ({ rows } = await database.query<Record<string, unknown>>(statement));
  return rows;
}

async function changeEachUser(database: pg.Client, query: string, values?: unknown[]): Promise<Rows> {
  const { rows: users } = await database.query<{ user_id: string }>('SELECT DISTINCT user_id FROM grants');
  const found: Rows = [];
  for (const { user_id } of users) {
    const [, statement = query, returning = ''] = /^([^]*?)(\s+RETURNING\b[^]*)?$/.exec(query) ?? [];
    const joint = /\bWHERE\b/i.test(statement) ? 'AND' : 'WHERE';
    const own = `${statement} ${joint} user_id = ${pg.escapeLiteral(user_id)}${returning}`;
    try {
      found.push(...(await database.query<Record<string, unknown>>(own, values)).rows);
    } catch (error) {
      if (!UNSTABLE_FUNCTION.test((error as Error).message)) throw error;
      await updateShards(database, own, values);
    }
  }
  return found;
}

/** What the SELECT gives, row by row and as PostgreSQL writes it. */
async function insertEach(database: pg.Client, into: string, select: string, values?: unknown[]) {
  const types = { getTypeParser: () => (value: string) => value };
  const query = { text: select, values: values ?? [], rowMode: 'array' as const, types };
  const { rows } = await database.query<(string | null)[]>(query as pg.QueryArrayConfig);
  for (const row of rows) {
    const literals = row.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(value)));
    await database.query(`${into} VALUES (${literals.join(', ')})`);
  }
  return [];
}

async function updateShards(database: pg.Client, query: string, values: unknown[] = []): Promise<Rows> {
  const [, verb = '', table = ''] = UPDATED_TABLE.exec(query) ?? [];
  const literal = values.reduceRight<string>(
    (text, value, index) => text.replaceAll(`$${index + 1}`, pg.escapeLiteral(String(value))),
    query.replace(UPDATED_TABLE, `${verb}%1$$s AS ${table}`).replaceAll(/%(?!1\$s)/g, '%%'),
  );
  const { rows } = await database.query<{ success: boolean; result: string }>(
    'SELECT success, result FROM run_command_on_shards($1::regclass, $2)',
    [table, literal],
  );
  const failed = rows.find(({ success }) => !success);
  if (failed) throw new Error(failed.result);
  return [];
}
