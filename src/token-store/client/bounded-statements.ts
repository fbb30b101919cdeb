/**
 * Statements that look at or change a bounded number of rows, however many there are: pages of lists, and what jobs change in batches.
 * Does not own which rows (the repositories).
 */
import { coversAll, rangesOf } from '../../domain/access/user-rule.js';
import type { Page } from '../../domain/list-position.js';
import type { Database } from './database.js';
import { Prisma, type PrismaClient } from '../prisma-client/client.js';

/** Rows that one page looks at, at most, however few of them its caller may see. */
const SCANNED_ROWS = 5000;

/** A service that sees no more rows than these in all gets them sorted, instead of found among those of all users. */
const FEW_ROWS = 2000;

/** A client that runs several statements in one transaction. */
type BatchClient = Pick<PrismaClient, '$queryRaw' | '$transaction'>;

interface Scan {
  /** Rows in the order below, from an index, without LIMIT. */
  readonly rows: Prisma.Sql;
  readonly visible: Prisma.Sql;
  readonly order: Prisma.Sql;
  readonly limit: number;
}

interface Scanned {
  readonly visible: boolean;
  readonly row_number: number;
}

/**
 * A page of the visible rows: stops at the limit, and at SCANNED_ROWS. PostgreSQL reads lazily, row by row, as long as
 * an index returns the rows in their order. A scan that stops at SCANNED_ROWS also returns its last row, visible or not:
 * the next page begins after it.
 */
export function boundedScan({ rows, visible, order, limit }: Scan): Prisma.Sql {
  return Prisma.sql`
    SELECT * FROM (
      SELECT scanned.*, (${visible}) IS TRUE AS visible, (row_number() OVER (ORDER BY ${order}))::int AS row_number
      FROM (${rows} ORDER BY ${order} LIMIT ${SCANNED_ROWS}) scanned
    ) numbered
    WHERE visible OR row_number = ${SCANNED_ROWS} ORDER BY ${order} LIMIT ${limit + 1}`;
}

/**
 * Several lists in the same order as one. With a LIMIT of its own PostgreSQL plans each by itself: only then does it merge
 * their indexes.
 */
export function merged(lists: readonly Prisma.Sql[]): Prisma.Sql {
  const each = lists.map((list) => Prisma.sql`(${list} LIMIT ${SCANNED_ROWS})`);
  return Prisma.sql`SELECT * FROM (${Prisma.join(each, ' UNION ALL ')}) merged`;
}

/**
 * Runs one query along its index. By its own estimates PostgreSQL often reads a whole table and sorts it instead; for a
 * table that was just filled it has no statistics at all.
 */
export async function alongIndex<Row>(database: BatchClient, query: Prisma.Sql): Promise<Row[]> {
  const [, rows] = await database.$transaction([
    database.$queryRaw`SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
      set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`,
    database.$queryRaw<Row[]>(query),
  ]);
  return rows;
}

/** The page that `boundedScan` found. @param limit as it was given there */
export function pageOf<Row extends Scanned, Item, Position>(
  found: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  positionOf: (row: Row) => Position,
): Page<Item, Position> {
  const visible = found.filter((row) => row.visible);
  const page = visible.slice(0, limit);
  const end = found.at(-1);
  const last = visible.length > limit ? page.at(-1) : end?.row_number === SCANNED_ROWS ? end : undefined;
  return { items: page.map(itemOf), next: last ? positionOf(last) : null };
}

/** A table with `user_id`, and an index on it in the collation "C". */
type Table = 'grants' | 'audit_trail';

/**
 * The users that the rules of a policy cover, in SQL. User ids compare by their bytes, as everywhere.
 * What a rule means: domain/access/user-rule.ts.
 */
export class CoveredUsers {
  readonly #isAll: boolean;
  readonly #lows: string[];
  readonly #highs: string[];

  constructor(rules: readonly string[]) {
    this.#isAll = coversAll(rules);
    const ranges = rangesOf(rules);
    this.#lows = ranges.map(({ low }) => low);
    this.#highs = ranges.map(({ high }) => high);
  }

  /** Whether a row's user is one of them: by bisection, so that many rules cost little. */
  get predicate(): Prisma.Sql {
    if (this.#isAll) return Prisma.sql`TRUE`;
    const bounds = this.#lows.flatMap((low, index) => [low, this.#highs[index] ?? low]);
    return Prisma.sql`width_bucket(user_id COLLATE "C", ${bounds}::text[]) % 2 = 1`;
  }

  /** Their rows, where they are few: user by user from the index on users, in no order of a list. */
  from(table: Table): Prisma.Sql {
    return Prisma.sql`unnest(${this.#lows}::text[], ${this.#highs}::text[]) AS covered(low, high)
      CROSS JOIN LATERAL (
        SELECT * FROM ${Prisma.raw(table)} WHERE user_id COLLATE "C" >= covered.low AND user_id COLLATE "C" < covered.high
        ORDER BY user_id COLLATE "C" LIMIT ${FEW_ROWS + 1}
      ) AS own`;
  }

  /**
   * Counts the rows of these users in the index, up to FEW_ROWS. @returns whether there are no more; false where the table is distributed
   * over several servers, none of which can be asked user by user
   */
  async haveFewRows(database: BatchClient & Pick<Database, 'isDistributed'>, table: Table): Promise<boolean> {
    if (this.#isAll || database.isDistributed()) return false;
    const [counted] = await alongIndex<{ rows: number }>(
      database,
      Prisma.sql`SELECT count(*)::int AS rows FROM (SELECT 1 FROM ${this.from(table)} LIMIT ${FEW_ROWS + 1}) AS few`,
    );
    return (counted?.rows ?? 0) <= FEW_ROWS;
  }
}

/** Rows that one statement of a job may touch: they take a fraction of its timeout, on a slow disk as well. */
export const MAX_BATCH_ROWS = 5000;

/**
 * Repeats a statement until it finds less than it may touch. One over all rows that are due would be cancelled and rolled back where a
 * backlog is large, and leave a larger one to the next run.
 * @param change touches at most MAX_BATCH_ROWS @returns how many it found
 * @param shutdown what is left then is left to the next run
 */
export async function inBatches(change: () => Promise<number>, shutdown?: AbortSignal): Promise<void> {
  while ((await change()) >= MAX_BATCH_ROWS && !shutdown?.aborted);
}
