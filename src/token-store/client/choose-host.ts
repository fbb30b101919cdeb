import pg from 'pg';
import type { DatabaseAddress, DatabaseHost } from './database-address.js';

/** A host that swallows packets must leave time for the next one. */
const TIMEOUT_MS = 2000;

/**
 * As libpq does for `target_session_attrs`: one after the other, until one can be reached and, where that is wanted,
 * written to. Asks on a connection of its own, which pg cannot use again.
 * @param first which one is tried first: it was the right one the last time
 * @throws what the last one that could not be reached said, or that none can be written to
 */
export async function chooseHost(
  { hosts, mustBeWritable }: DatabaseAddress,
  first: number,
): Promise<DatabaseHost> {
  let fault: unknown = null;
  let isAnyReached = false;
  for (const host of [...hosts.slice(first), ...hosts.slice(0, first)]) {
    try {
      if ((await isWritable(host)) || !mustBeWritable) return host;
      isAnyReached = true;
    } catch (error) {
      fault = error;
    }
  }
  if (!isAnyReached) throw fault;
  // PostgreSQL's code for a write on a standby.
  throw Object.assign(new Error('no server of the URL can be written to'), { code: '25006' });
}

async function isWritable(host: DatabaseHost): Promise<boolean> {
  const client = new pg.Client({
    ...host,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'token-broker',
  });
  // A connection that ends while it is closed.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ writable: boolean }>(
      `SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable`,
    );
    return rows[0]?.writable === true;
  } finally {
    void client.end().catch(() => undefined);
  }
}
