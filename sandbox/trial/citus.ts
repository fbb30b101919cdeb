/** Databases of a Citus cluster that is there already, for the tests on a cluster and the benchmark. */
import pg from 'pg';

/**
 * @param url of a database at the coordinator, as a superuser; it has citus, and its workers were added to it
 * @returns the base URL of each server, the coordinator first
 */
export async function serversOf(url: string): Promise<string[]> {
  const workers = await query<{ host: string; port: number }>(
    url,
    'SELECT nodename AS host, nodeport AS port FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeport, nodename',
  );
  if (workers.length === 0) throw new Error('The cluster has no worker: SELECT citus_add_node(...)');
  return [{}, ...workers].map(
    (server) => Object.assign(new URL(url), { pathname: '/', ...hostOf(server) }).href,
  );
}

/** A database without tables. @param servers the base URL of each, the coordinator first; one only: not distributed */
export async function createDistributedDatabase(servers: readonly string[], name: string): Promise<void> {
  for (const server of servers) {
    await query(new URL('postgres', server).href, `CREATE DATABASE ${name}`);
    if (servers.length > 1) await query(new URL(name, server).href, 'CREATE EXTENSION citus');
  }
  const [coordinator, ...workers] = servers.map((server) => new URL(name, server));
  if (!coordinator || workers.length === 0) return;
  const at = ({ hostname, port }: URL) => `'${hostname}', ${port || 5432}`;
  await query(coordinator.href, `SELECT citus_set_coordinator_host(${at(coordinator)})`);
  for (const worker of workers) await query(coordinator.href, `SELECT citus_add_node(${at(worker)})`);
}

export async function dropDatabase(servers: readonly string[], name: string): Promise<void> {
  for (const server of servers)
    await query(new URL('postgres', server).href, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

function hostOf(server: { host?: string; port?: number }) {
  return server.host === undefined ? {} : { hostname: server.host, port: String(server.port) };
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
