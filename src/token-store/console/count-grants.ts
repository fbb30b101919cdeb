/**
 * Counts the grants of each client by status, in steps along an index: one statement over all of ten million grants takes about as long
 * as a session allows, and longer where few pages are in memory. A grant keeps client and time of creation, so none is counted twice.
 * Does not own when they are counted (operations/count-grants.job.ts) nor what is kept of it (overview.repository.ts).
 */
import type { Database } from '../client/database.js';

interface CountedGrants {
  readonly client: string;
  readonly status: string;
  readonly count: number;
}

const STEP = 500_000;
const INACTIVE = ['reconnect_required', 'revoked', 'suspended'];

/** Several servers count their own rows at a time, and would have to send those of a step to the coordinator. */
const AT_ONCE = `
  SELECT client, status, count(*)::int AS count FROM grants GROUP BY client, status ORDER BY client, status`;

/** By one index lookup for each. */
const CLIENTS = `
  WITH RECURSIVE found AS (
    (SELECT client FROM grants ORDER BY client LIMIT 1)
    UNION ALL
    SELECT (SELECT client FROM grants WHERE client > found.client ORDER BY client LIMIT 1) FROM found WHERE client IS NOT NULL
  ) SELECT client FROM found WHERE client IS NOT NULL`;

/** Grants of one index, of which all but the conditions here are in the order of their creation. */
interface Counted {
  readonly name: string;
  readonly where: string;
}

const ALL: Counted = { name: 'grants of a client', where: 'client = $1' };
const inactive = (status: string): Counted => ({
  name: `${status} grants of a client`,
  // As in the index over those that are not active.
  where: `client = $1 AND status = '${status}' AND status <> 'active'`,
});

/** @param step rows of one statement */
export async function countByStatus(database: Database, step = STEP): Promise<CountedGrants[]> {
  if (database.isSpread()) return database.prepared<CountedGrants>('grants by status', AT_ONCE, []);
  const counted: CountedGrants[] = [];
  const clients = await database.prepared<{ client: string }>('clients of grants', CLIENTS, []);
  for (const { client } of clients) {
    const others: CountedGrants[] = [];
    for (const status of INACTIVE)
      others.push({ client, status, count: await count(database, inactive(status), client, step) });
    const all = await count(database, ALL, client, step);
    const active = all - others.reduce((sum, each) => sum + each.count, 0);
    counted.push(
      ...[{ client, status: 'active', count: active }, ...others].filter((each) => each.count > 0),
    );
  }
  return counted;
}

async function count(
  database: Database,
  { name, where }: Counted,
  client: string,
  step: number,
): Promise<number> {
  let counted = 0;
  let after: readonly unknown[] = ['-infinity', '00000000-0000-0000-0000-000000000000'];
  for (;;) {
    const rest = `FROM grants WHERE ${where} AND (created_at, id) > ($2::timestamptz, $3::uuid)`;
    const values = [client, ...after];
    const [last] = await database.prepared<{ at: string; id: string }>(
      `a step of ${name}`,
      `SELECT created_at::text AS at, id ${rest} ORDER BY created_at, id OFFSET $4::int LIMIT 1`,
      [...values, step - 1],
    );
    if (!last) {
      const [found] = await database.prepared<{ count: number }>(
        `the last ${name}`,
        `SELECT count(*)::int AS count ${rest}`,
        values,
      );
      return counted + (found?.count ?? 0);
    }
    counted += step;
    after = [last.at, last.id];
  }
}
