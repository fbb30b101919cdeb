import type { Database } from './database.js';
import { Prisma } from '../prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

/** Whose rows a statement is about: one user's; null: those of all users, on one server. */
export type Whose = string | null;

/** Parts of one change. Each finds out by itself, under its locks, what is left to do: what a crash interrupts is done again. */
interface Parts<Result> {
  /** @returns false where there is nothing to do */
  readonly first?: (tx: Transaction) => Promise<boolean>;
  /** The users that it concerns, each once. Asked only where they may be on several servers. */
  readonly users: (database: Transaction) => Promise<readonly string[]>;
  readonly each: (tx: Transaction, whose: Whose) => Promise<void>;
  readonly last: (tx: Transaction) => Promise<Result>;
}

/**
 * A change of the grants of several users. On one server it is one transaction, with as many statements however many users there
 * are. Where the tables are spread over several servers, it is one for each part and user: a change of a grant must be committed
 * by one server alone, since a NOTIFY cannot be part of a commit of two phases (docs/decisions/0025).
 * @returns null where `first` found nothing to do
 */
export async function changeByUser<Result>(
  database: Database,
  { first, users, each, last }: Parts<Result>,
): Promise<Result | null> {
  if (!database.isSpread()) {
    return database.$transaction(async (tx) => {
      if (first && !(await first(tx))) return null;
      await each(tx, null);
      return last(tx);
    });
  }
  if (first && !(await database.$transaction(first))) return null;
  for (const user of await users(database)) await database.$transaction((tx) => each(tx, user));
  return database.$transaction(last);
}

export function ofUser(whose: Whose): { readonly userId?: string } {
  return whose === null ? {} : { userId: whose };
}

/** @param column of the table */
export function only(whose: Whose, column = 'user_id'): Prisma.Sql {
  return whose === null ? Prisma.sql`TRUE` : Prisma.sql`${Prisma.raw(column)} = ${whose}`;
}
