import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits for a condition by looking at it again and again. The time limit only decides how soon a test fails.
 * @param detail what the error says besides the condition
 */
export async function until(
  look: () => boolean | Promise<boolean>,
  ms = 20_000,
  detail: () => string = () => '',
): Promise<void> {
  for (const end = Date.now() + ms; !(await look());) {
    if (Date.now() > end)
      throw new Error(`This did not become true within ${ms} ms: ${look.toString()}\n${detail()}`.trimEnd());
    await pause(20);
  }
}

/** How many sessions of this database wait for a lock. Unlike pg_stat_activity, pg_locks is current in a transaction, too. */
export const BLOCKED_SESSIONS = `SELECT count(DISTINCT pid)::int AS count FROM pg_locks
  WHERE NOT granted AND pid IN
    (SELECT pid FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))`;
