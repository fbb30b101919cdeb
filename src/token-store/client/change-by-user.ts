import type { Database } from './database.js';
import { Prisma } from '../prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

/** The user that a statement is restricted to; null: all users, on one server. */
export type UserOrAll = string | null;

/** Parts of one change. Each finds out by itself, under its locks, what is left to do: what a crash interrupts is done again. */
interface Parts<Result> {
  /** @returns false where there is nothing to do */
  readonly first?: (tx: Transaction) => Promise<boolean>;
  /**
   * The users that it concerns, each once, with what changes where one consents meanwhile. Asked only where they may be on several
   * servers.
   */
  readonly users: (database: Transaction) => Promise<ReadonlyMap<string, string>>;
  readonly each: (tx: Transaction, user: UserOrAll) => Promise<void>;
  /** Before `last`, in its transaction: no other user comes while it is held. Without it, one that comes is not concerned. */
  readonly lock?: (tx: Transaction) => Promise<void>;
  readonly last: (tx: Transaction) => Promise<Result>;
}

/**
 * A change of the grants of several users. On one server it is one transaction, with as many statements however many users there
 * are. Where the tables are distributed over several servers, it is one for each part and user: a change of a grant must be committed
 * by one server alone, since a NOTIFY cannot be part of a commit of two phases (docs/decisions/0025).
 * @returns null where `first` found nothing to do
 */
export async function changeByUser<Result>(
  database: Database,
  { first, users, each, lock, last }: Parts<Result>,
): Promise<Result | null> {
  if (!database.isDistributed()) {
    const change = await database.$transaction(async (tx) => {
      // A process finds out with its first connection.
      if (database.isDistributed()) return 'distributed';
      if (first && !(await first(tx))) return null;
      await each(tx, null);
      return { result: await last(tx) };
    });
    if (change !== 'distributed') return change && change.result;
  }
  if (first && !(await database.$transaction(first))) return null;
  const visited = new Map<string, string>();
  const left = async (tx: Transaction) =>
    [...(await users(tx))].filter(([user, state]) => visited.get(user) !== state);
  for (;;) {
    for (const [user, state] of await left(database)) {
      await database.$transaction((tx) => each(tx, user));
      visited.set(user, state);
    }
    const end = await database.$transaction(async (tx) => {
      if (lock) {
        await lock(tx);
        if ((await left(tx)).length > 0) return null;
      }
      return { result: await last(tx) };
    });
    if (end) return end.result;
  }
}

/** For Prisma's `where`. */
export function whereUser(user: UserOrAll): { readonly userId?: string } {
  return user === null ? {} : { userId: user };
}

/** For SQL. @param column of the table */
export function userCondition(user: UserOrAll, column = 'user_id'): Prisma.Sql {
  return user === null ? Prisma.sql`TRUE` : Prisma.sql`${Prisma.raw(column)} = ${user}`;
}
