/**
 * What tests do otherwise where they run on a cluster (npm run test:citus): a database is one at each server, and what a test changes
 * in all grants is changed user by user, since a NOTIFY cannot be part of a commit of two phases.
 */
import pg from 'pg';

/** The addresses of all servers, the coordinator first; null on one PostgreSQL. */
const servers = JSON.parse(process.env['TEST_CITUS_SERVERS'] ?? 'null') as readonly string[] | null;

export const isCluster = servers !== null;

/** Makes a copy of the migrated template. */
export async function copyTemplate(base: string, name: string): Promise<void> {
  for (const server of servers ?? [base]) {
    const client = new pg.Client({ connectionString: `${server}postgres` });
    await client.connect();
    await client.query(`CREATE DATABASE ${name} TEMPLATE migrated`);
    await client.end();
  }
}

const OF_ALL_USERS = /^\s*(UPDATE|DELETE FROM) grants\b(?![^]*\buser_id\b\s*=)/;

export async function runSql(
  database: pg.Client,
  query: string,
  values?: unknown[],
): Promise<Record<string, unknown>[]> {
  if (servers === null || !OF_ALL_USERS.test(query))
    return (await database.query<Record<string, unknown>>(query, values)).rows;
  const { rows: users } = await database.query<{ user_id: string }>('SELECT DISTINCT user_id FROM grants');
  const found: Record<string, unknown>[] = [];
  for (const { user_id } of users) {
    const [, statement = query, returning = ''] = /^([^]*?)(\s+RETURNING\b[^]*)?$/.exec(query) ?? [];
    const joint = /\bWHERE\b/i.test(statement) ? 'AND' : 'WHERE';
    const own = `${statement} ${joint} user_id = ${pg.escapeLiteral(user_id)}${returning}`;
    found.push(...(await database.query<Record<string, unknown>>(own, values)).rows);
  }
  return found;
}
