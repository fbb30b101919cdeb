/**
 * The cold read where the tables are distributed over several servers: one statement at the worker of the user, on the tables there
 * that are the user's part of `grants` and `access_tokens`. Citus takes longer to plan a statement about the distributed tables than
 * PostgreSQL to read their parts (docs/citus.md). Owns neither which worker and part that is (distributed/user-shards.ts), nor what
 * a row proves (access-tokens.ts).
 */
import { codesOf } from '../client/database-error.js';
import type { Database } from '../client/database.js';
import type { UserShard } from '../distributed/user-shards.js';
import type { GrantWithTokensRow } from './grant-row.js';

/** The table was removed after a move; the role may not read it. */
const NOT_READABLE = ['42P01', '42501'];

/** Each row with the shard's placement here, as this server knows it. Without a placement here, the rows are leftovers of a move and are ignored. */
function textOf({ id, grants, accessTokens }: UserShard, columns: (tokens: string) => string): string {
  return `
    SELECT ${columns(`${accessTokens} AS access_tokens`)}
    FROM pg_catalog.pg_dist_placement placement JOIN pg_catalog.pg_dist_local_group USING (groupid)
      LEFT JOIN ${grants} AS grants ON grants.user_id = $1::text AND grants.client = $2::text
    WHERE placement.shardid = ${id}
    ORDER BY created_at`;
}

/** Without a grant there is one row, of the placement alone. */
type FoundRow = GrantWithTokensRow | { readonly id: null };

export class ShardRead {
  /** Of one map of the cluster: another one has other objects. */
  readonly #texts = new WeakMap<UserShard, string>();

  /** @param columns of `grants`, with the tokens that expire after $3 from the table that it is given */
  constructor(
    private readonly database: Database,
    private readonly columns: (tokens: string) => string,
  ) {}

  /** @returns null where the worker cannot be asked, or does not have the rows */
  async run(userId: string, client: string, now: Date): Promise<readonly GrantWithTokensRow[] | null> {
    const place = this.database.workers.placeOf(userId);
    if (!place) return null;
    const { pool, shard } = place;
    const text = this.#texts.get(shard) ?? textOf(shard, this.columns);
    this.#texts.set(shard, text);
    const statement = { name: `shard ${shard.id}`, text, values: [userId, client, now], isRead: true };
    try {
      const rows = await pool.query<FoundRow, null>(statement, () => Promise.resolve(null));
      if (!rows || rows.length === 0) return null;
      return rows.filter((row): row is GrantWithTokensRow => row.id !== null);
    } catch (error) {
      if (codesOf(error).some((code) => NOT_READABLE.includes(code))) return null;
      throw error;
    }
  }
}
