import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { IS_SPREAD, SPREAD_TABLES, SPREAD_UNFINISHED } from './spread-tables.js';

/** In part: `migrate --distribute` has begun, and not ended. */
export type SpreadState = 'one server' | 'in part' | 'spread';

/** Whether the tables of a database are spread over several servers, whatever version did it. */
export async function spreadState(source: AddressSource): Promise<SpreadState> {
  const client = new DatabaseClient({ source, application_name: 'token-broker migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<'isSpread' | 'isUnfinished' | 'isCluster', boolean>>(
      `SELECT ${IS_SPREAD} AS "isSpread", to_regclass('public.${SPREAD_UNFINISHED}') IS NOT NULL AS "isUnfinished",
         to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS "isCluster"`,
    );
    const [found] = rows;
    if (found?.isSpread) return 'spread';
    if (found?.isUnfinished) return 'in part';
    if (!found?.isCluster) return 'one server';
    const { rowCount } = await client.query(
      `SELECT FROM pg_catalog.pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
       WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)`,
      [SPREAD_TABLES.map(({ name }) => name)],
    );
    return rowCount === 0 ? 'one server' : 'in part';
  } finally {
    await client.end();
  }
}
