/**
 * The sealed columns of the tables with a row for each user or more. PostgreSQL looks at the grants of a page in the order of their
 * creation, which is about that of their rows on the disk, and returns the values that the newest key did not seal: one statement over
 * millions of rows would not end within the timeout of a session, and reading each row through Prisma takes an hour for ten million.
 * Does not own what becomes of a value (reseal.ts).
 */
import type { Database } from '../client/database.js';
import { fromRow, sealedFrom } from '../grants/grant-row.js';
import { accessTokenAad, credentialAad } from './aad.js';
import { BATCH, type SealedBatch, type SealedColumn, type SealedValue } from './sealed-column.js';

/** Grants that one statement looks at. */
const PAGE = 5_000;

/** By the names of Prisma: of the row of a value. */
type Key = Readonly<Record<string, string>>;

interface Found extends Key {
  /** Up to the first dot. */
  readonly header: string;
}

interface Row {
  readonly newest: number;
  readonly others: readonly Found[];
  /** The last grant of the page; null where there was none. */
  readonly last: { readonly at: string; readonly id: string } | null;
}

interface ColumnStatement {
  /** Of the sealed column. */
  readonly name: string;
  /** Grants that can have a value, in SQL. */
  readonly grants: string;
  /** More columns of these grants. */
  readonly columns: string;
  /** From these grants, `page`, to their values: each with its key, by the names of Prisma, and what `look` says. */
  readonly values: string;
  readonly key: readonly string[];
}

/** Short, so that a page stays in memory. Of a column that is NULL both are. */
const look = (column: string) => `left(${column}, length($1)) = $1 AS newest,
  CASE WHEN left(${column}, length($1)) <> $1 THEN split_part(${column}, '.', 1) END AS header`;

const ofGrants = (column: string, grants: string): ColumnStatement => ({
  name: `grants.${column}`,
  grants,
  columns: `, ${look(column)}`,
  values: `SELECT user_id AS "userId", id, newest, header FROM page`,
  key: ['userId', 'id'],
});
const CREDENTIALS = {
  sealedRefreshToken: ofGrants('sealed_refresh_token', 'TRUE'),
  // Few grants are of this kind, and an index has those that are.
  sealedKey: ofGrants('sealed_key', `kind = 'service_account'`),
};
const ACCESS_TOKENS: ColumnStatement = {
  name: 'access_tokens.sealed_token',
  grants: 'TRUE',
  columns: '',
  values: `SELECT tokens.user_id AS "userId", grant_id AS "grantId", scope_set AS "scopeSet", ${look('sealed_token')}
    FROM page JOIN access_tokens AS tokens ON tokens.user_id = page.user_id AND tokens.grant_id = page.id`,
  key: ['userId', 'grantId', 'scopeSet'],
};

export function credentials(database: Database, column: keyof typeof CREDENTIALS): SealedColumn {
  const { grant } = database;
  return scanned(database, CREDENTIALS[column], async (keys) => {
    const rows = await grant.findMany({
      where: { ...eachOf(keys, ['userId', 'id']), [column]: { not: null } },
    });
    return rows.map((row) => ({
      sealed: row[column] ?? '',
      aad: credentialAad(sealedFrom(row), row.credentialVersion ?? 0),
      // The associated data and the version do not change: a refresh under way is not affected.
      replace: async (sealed) =>
        (
          await grant.updateMany({
            where: {
              userId: row.userId,
              id: row.id,
              [column]: row[column],
              credentialVersion: row.credentialVersion,
            },
            data: { [column]: sealed },
          })
        ).count > 0,
    }));
  });
}

export function accessTokens(database: Database): SealedColumn {
  const { accessToken } = database;
  return scanned(database, ACCESS_TOKENS, async (keys) => {
    const wanted = new Set(keys.map(({ grantId, scopeSet }) => `${grantId} ${scopeSet}`));
    const found = await accessToken.findMany({
      where: eachOf(keys, ['userId', 'grantId', 'scopeSet']),
      include: { grant: true },
    });
    // One grant may have the set of scopes of another.
    const rows = found.filter(({ grantId, scopeSet }) => wanted.has(`${grantId} ${scopeSet}`));
    return rows.map(({ userId, grantId, scopeSet, sealedToken, grant, ...times }) => ({
      sealed: sealedToken,
      aad: accessTokenAad(fromRow(grant), grant.credentialVersion ?? 0, scopeSet, times),
      replace: async (sealed) =>
        (
          await accessToken.updateMany({
            where: { userId, grantId, scopeSet, sealedToken },
            data: { sealedToken: sealed },
          })
        ).count > 0,
    }));
  });
}

/** Lists, which PostgreSQL looks up in the key: a hundred rows by OR take it several times as long. */
function eachOf<Name extends string>(keys: readonly Key[], names: readonly Name[]) {
  const lists = names.map((name) => [name, { in: [...new Set(keys.map((key) => key[name] ?? ''))] }]);
  return Object.fromEntries(lists) as Record<Name, { in: string[] }>;
}

function scanned(
  database: Database,
  values: ColumnStatement,
  load: (keys: readonly Key[]) => Promise<SealedValue[]>,
): SealedColumn {
  return {
    name: values.name,
    batches: async function* (newest) {
      for await (const part of scan(database, values, newest)) {
        yield { newest: part.newest, others: [] };
        for (let at = 0; at < part.others.length; at += BATCH)
          yield { newest: 0, others: await load(part.others.slice(at, at + BATCH)) };
      }
    },
    headers: async function* (newest) {
      for await (const part of scan(database, values, newest))
        yield { newest: part.newest, others: part.others.map(({ header }) => header) };
    },
  };
}

async function* scan(
  database: Database,
  values: ColumnStatement,
  newest: string,
): AsyncGenerator<SealedBatch<Found>> {
  const text = statement(values);
  const read = async ({ at, id }: NonNullable<Row['last']>) =>
    (await database.prepared<Row>(`sealed values of ${values.name}`, text, [newest, at, id]))[0];
  for (let row = await read(FIRST); row?.last; row = await read(row.last)) yield row;
}

const FIRST = { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

/** The order is that of the index grants_newest, backwards. */
function statement({ grants, columns, values, key }: ColumnStatement): string {
  const members = [...key, 'header'].map((name) => `'${name}', "${name}"`);
  return `
    WITH page AS MATERIALIZED (
      SELECT user_id, id, created_at${columns} FROM grants WHERE ${grants} AND (created_at, id) > ($2::timestamptz, $3::uuid)
      ORDER BY created_at NULLS FIRST, id NULLS FIRST LIMIT ${PAGE}
    ), found AS (${values})
    SELECT count(*) FILTER (WHERE newest)::int AS newest,
      coalesce(json_agg(json_build_object(${members.join(', ')})) FILTER (WHERE NOT newest), '[]') AS others,
      (SELECT json_build_object('at', created_at, 'id', id) FROM page ORDER BY created_at DESC, id DESC LIMIT 1) AS last
    FROM found`;
}
