import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { IS_DISTRIBUTED, DISTRIBUTED_TABLES, UNFINISHED_DISTRIBUTION } from './distributed-tables.js';

/** In part: `migrate --distribute` has begun, and not ended. */
export type DistributionState = 'one server' | 'in part' | 'distributed';

/** Whether the tables of a database are distributed over several servers, whatever version did it. */
export async function distributionState(source: AddressSource): Promise<DistributionState> {
  const client = new DatabaseClient({ source, application_name: 'token-broker migrate' });
  await client.connect();
  try {
    const { rows } = await client.query<Record<'isDistributed' | 'isUnfinished' | 'isCluster', boolean>>(
      `SELECT ${IS_DISTRIBUTED} AS "isDistributed", to_regclass('public.${UNFINISHED_DISTRIBUTION}') IS NOT NULL AS "isUnfinished",
         to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS "isCluster"`,
    );
    const [found] = rows;
    if (found?.isDistributed) return 'distributed';
    if (found?.isUnfinished) return 'in part';
    if (!found?.isCluster) return 'one server';
    const { rowCount } = await client.query(
      `SELECT FROM pg_catalog.pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
       WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)`,
      [DISTRIBUTED_TABLES.map(({ name }) => name)],
    );
    return rowCount === 0 ? 'one server' : 'in part';
  } finally {
    await client.end();
  }
}
