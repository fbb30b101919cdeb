/**
 * The cold read where the tables are distributed over several servers: two statements at the same time, each about one table and
 * one user, which the worker of the user answers itself, and the coordinator sends on to it without planning. A join is planned for each execution, and takes longer
 * with each column that it returns (docs/citus.md). Owns neither the cold read of one server nor what a row proves: access-tokens.ts.
 */
import type { Database } from '../client/database.js';
import { parseJsonTimestamp } from '../client/timestamps.js';
import type { GrantWithTokensRow, TokenRow } from './grant-row.js';

const GRANTS = `SELECT row_to_json(grants) AS row FROM grants WHERE user_id = $1 AND client = $2`;
const TOKENS = `SELECT row_to_json(access_tokens) AS row FROM access_tokens WHERE user_id = $1 AND expires_at > $2`;

/** As `row_to_json` returns a row: by column, times as text in ISO 8601. */
type JsonRow = Readonly<Record<string, unknown>>;

/** The rows may be of different moments: a token that was issued under another version of its grant does not open with it. */
export async function readDistributed(
  database: Database,
  userId: string,
  client: string,
  now: Date,
): Promise<GrantWithTokensRow[]> {
  const read = (name: string, text: string, values: unknown[]) =>
    database.preparedForUser<{ row: JsonRow }>({ userId, name, text, values, isRead: true });
  const [grants, tokens] = await Promise.all([
    read('grants of a user', GRANTS, [userId, client]),
    read('tokens of a user', TOKENS, [userId, now]),
  ]);
  return grants
    .map(({ row }) =>
      toGrant(row, tokens.filter((token) => token.row['grant_id'] === row['id']).map(toToken)),
    )
    .toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
}

function toGrant(row: JsonRow, tokens: readonly TokenRow[]): GrantWithTokensRow {
  const members = Object.entries(row).map(([column, value]) => [
    column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    typeof value === 'string' && column.endsWith('_at') ? parseJsonTimestamp(value) : value,
  ]);
  const grant = Object.fromEntries(members) as Omit<GrantWithTokensRow, 'credential' | 'tokens'>;
  return { ...grant, credential: grant.sealedRefreshToken ?? grant.sealedKey, tokens };
}

function toToken({ row }: { readonly row: JsonRow }): TokenRow {
  const { scope_set, sealed_token, replaces_refused, obtained_at, expires_at } = row as Record<
    string,
    string
  >;
  return {
    scope_set: scope_set ?? '',
    sealed_token: sealed_token ?? '',
    replaces_refused: Boolean(replaces_refused),
    obtained_ms: parseJsonTimestamp(obtained_at ?? '').getTime(),
    expires_ms: parseJsonTimestamp(expires_at ?? '').getTime(),
  };
}
