import { Injectable } from '@nestjs/common';
import { rangesOf } from '../../domain/access/user-rule.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { Page } from '../../domain/list-position.js';
import { alongIndex, boundedScan, pageOf } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import { COLUMNS, type GrantPosition, type ListedRow } from './grant-lists.repository.js';
import { fromRow, hasEmail } from './grant-row.js';

/** What an operator looks for. Null: any. */
interface GrantFilter {
  readonly userId: string | null;
  /** An account by its email, compared as everywhere (domain/grant/grant.ts), or by its `sub`. */
  readonly email: string | null;
  readonly sub: string | null;
  readonly status: Grant['status'] | null;
  readonly client: string | null;
}

interface GrantQuery extends GrantFilter {
  /** Where the last page ended; null for the first page. */
  readonly after: GrantPosition | null;
  readonly limit: number;
}

export interface UserFilter {
  /** What the ids begin with, to the letter; empty: all users. */
  readonly prefix: string;
  readonly email: string | null;
  readonly sub: string | null;
}

interface UserQuery extends UserFilter {
  /** The id that the last page ended with. */
  readonly after: string | null;
  readonly limit: number;
}

/** A user as its grants show it: there is no other record of one. */
export interface FoundUser {
  readonly userId: string;
  /** Counted up to MAX_COUNTED. */
  readonly grants: number;
  readonly active: number;
}

const MAX_COUNTED = 1000;
/** Of one account: its users are sorted, and few. */
const MAX_OF_ACCOUNT = 5000;

const NEWEST_FIRST = Prisma.sql`at DESC, id DESC`;
/** The order of an index over all: a filtered list cannot take that one (migration admin_lists). */
const NEWEST_OF_ALL = Prisma.sql`at DESC NULLS LAST, id DESC NULLS LAST`;

/**
 * Grants and users as operators look for them, whatever a service may see. Each query reads along an index, and no more than a
 * page needs.
 * Does not own what a service sees (grant-lists.repository.ts).
 */
@Injectable()
export class GrantSearchRepository {
  constructor(private readonly database: Database) {}

  /** The newest first. */
  async find({ after, limit, ...filter }: GrantQuery): Promise<Page<Grant, GrantPosition>> {
    const conditions = conditionsOf(filter);
    // The first one is the most selective: its index is read, and the others are checked there.
    const [along = Prisma.sql`TRUE`, ...rest] = conditions;
    const position =
      after === null ? Prisma.empty : Prisma.sql`AND (created_at, id) < (${after.at}, ${after.id}::uuid)`;
    const rows = Prisma.sql`SELECT ${COLUMNS}, created_at AS at, revocation_id, account_sub, account_email FROM grants
      WHERE ${along} ${position}`;
    const visible = rest.length === 0 ? Prisma.sql`TRUE` : Prisma.join(rest, ' AND ');
    const order = conditions.length === 0 ? NEWEST_OF_ALL : NEWEST_FIRST;
    const query = boundedScan({ rows, visible, order, limit });
    const found = await alongIndex<ListedRow>(this.database, query);
    return pageOf(found, limit, fromRow, ({ at, id }) => ({ at, id }));
  }

  /** By their ids, in the order of code points. */
  async findUsers({ prefix, email, sub, after, limit }: UserQuery): Promise<Page<FoundUser, string>> {
    const isDistributed = this.database.isDistributed();
    const ids =
      email === null && sub === null
        ? (isDistributed ? usersAmong : usersFrom)(prefix, after, limit)
        : usersOfAccount({ prefix, email, sub, after, limit });
    const found = isDistributed ? await this.#countEach(ids) : await this.#countAll(ids);
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? (items.at(-1)?.userId ?? null) : null };
  }

  #countAll(ids: Prisma.Sql): Promise<FoundUser[]> {
    return alongIndex<FoundUser>(
      this.database,
      Prisma.sql`SELECT user_id AS "userId", counted.*
        FROM (${ids}) AS users, LATERAL (
          SELECT count(*)::int AS grants, (count(*) FILTER (WHERE status = 'active'))::int AS active
          FROM (SELECT status FROM grants WHERE grants.user_id COLLATE "C" = users.user_id LIMIT ${MAX_COUNTED}) AS own
        ) AS counted
        ORDER BY user_id COLLATE "C"`,
    );
  }

  /** Where the grants of each are at one of several servers. */
  async #countEach(ids: Prisma.Sql): Promise<FoundUser[]> {
    const users = await this.database.$queryRaw<{ user_id: string }[]>(ids);
    const counted = await this.database.$queryRaw<FoundUser[]>`
      SELECT user_id AS "userId", least(count(*), ${MAX_COUNTED})::int AS grants,
        least(count(*) FILTER (WHERE status = 'active'), ${MAX_COUNTED})::int AS active
      FROM grants WHERE user_id = ANY(${users.map(({ user_id }) => user_id)}) GROUP BY user_id`;
    const byId = new Map(counted.map((user) => [user.userId, user]));
    return users.flatMap(({ user_id }) => byId.get(user_id) ?? []);
  }
}

function conditionsOf({ userId, email, sub, status, client }: GrantFilter): Prisma.Sql[] {
  const byStatus = status === null ? [] : [statusIs(status)];
  const byClient = client === null ? [] : [Prisma.sql`client = ${client}`];
  const isOfBoth = client !== null && (status === 'reconnect_required' || status === 'revoked');
  return [
    ...(userId === null ? [] : [Prisma.sql`user_id COLLATE "C" = ${userId}`]),
    ...(sub === null ? [] : [Prisma.sql`account_sub = ${sub}`]),
    ...(email === null ? [] : [hasEmail(email)]),
    ...(isOfBoth
      ? [Prisma.sql`client = ${client} AND status = ${status} AND status <> 'active'`]
      : status === 'active'
        ? [...byClient, ...byStatus]
        : [...byStatus, ...byClient]),
  ];
}

/** While a revocation is under way, the column says `suspended` and another one says which. */
function statusIs(status: Grant['status']): Prisma.Sql {
  if (status === 'revoking') return Prisma.sql`revocation_id IS NOT NULL`;
  const same = Prisma.sql`status = ${status}`;
  return status === 'suspended' ? Prisma.sql`${same} AND revocation_id IS NULL` : same;
}

/** One lookup in the index for each user, however many grants it has. */
function usersFrom(prefix: string, after: string | null, limit: number): Prisma.Sql {
  const below = belowEndOf(prefix);
  const first =
    after === null
      ? Prisma.sql`user_id COLLATE "C" >= ${prefix}`
      : Prisma.sql`user_id COLLATE "C" > ${after}`;
  const order = Prisma.sql`ORDER BY user_id COLLATE "C" LIMIT 1`;
  return Prisma.sql`
    WITH RECURSIVE found(user_id, place) AS (
      (SELECT user_id, 1 FROM grants WHERE ${first} ${below} ${order})
      UNION ALL
      SELECT (SELECT user_id FROM grants WHERE user_id COLLATE "C" > found.user_id ${below} ${order}), place + 1
      FROM found WHERE user_id IS NOT NULL AND place <= ${limit}
    )
    SELECT user_id FROM found WHERE user_id IS NOT NULL`;
}

/** The same where they are at several servers: each sorts its own. */
function usersAmong(prefix: string, after: string | null, limit: number): Prisma.Sql {
  const behind = after === null ? Prisma.empty : Prisma.sql`AND user_id COLLATE "C" > ${after}`;
  return Prisma.sql`SELECT user_id COLLATE "C" AS user_id FROM grants
    WHERE user_id COLLATE "C" >= ${prefix} ${belowEndOf(prefix)} ${behind} GROUP BY 1 ORDER BY 1 LIMIT ${limit + 1}`;
}

function usersOfAccount({ prefix, email, sub, after, limit }: UserQuery): Prisma.Sql {
  const account = Prisma.join(
    [
      ...(email === null ? [] : [hasEmail(email)]),
      ...(sub === null ? [] : [Prisma.sql`account_sub = ${sub}`]),
    ],
    ' AND ',
  );
  const behind = after === null ? Prisma.empty : Prisma.sql`AND user_id COLLATE "C" > ${after}`;
  return Prisma.sql`SELECT DISTINCT user_id COLLATE "C" AS user_id
    FROM (SELECT user_id FROM grants WHERE ${account} LIMIT ${MAX_OF_ACCOUNT}) AS own
    WHERE user_id COLLATE "C" >= ${prefix} ${belowEndOf(prefix)} ${behind}
    ORDER BY 1 LIMIT ${limit + 1}`;
}

/** The end of the range of ids with this prefix. */
function belowEndOf(prefix: string): Prisma.Sql {
  const rule = `${prefix.replaceAll(/[*\\]/g, String.raw`\$&`)}*`;
  const [range] = prefix === '' ? [] : rangesOf([rule]);
  return range ? Prisma.sql`AND user_id COLLATE "C" < ${range.high}` : Prisma.empty;
}
