/**
 * Writes audit rows of which PostgreSQL may not accept some: a statement with such a row fails whole, and is split until only those rows
 * are left. Knows which faults are of the rows. Owns neither the statement (audit-rows.ts) nor what becomes of the rows that are left
 * (write-behind.ts).
 */
import { codesOf, databaseFault } from '../client/database-error.js';
import { PartlyWritten } from './write-behind.js';

/** SQLSTATE of a data exception, a violated constraint and an exceeded limit. What a right or a column lacks, every row lacks. */
const STATE = /^(22|23|54)[0-9A-Z]{3}$/;

/** Whether PostgreSQL does not accept what the rows contain. Otherwise all of them may be written later. */
function isOfRows(fault: unknown): boolean {
  return databaseFault(fault) === null && codesOf(fault).some((code) => STATE.test(code));
}

/**
 * @throws {PartlyWritten} the rows that PostgreSQL does not accept; all others are written
 * @throws what `write` threw for any other reason; parts may be written then
 */
export async function writeInHalves<T>(
  rows: readonly T[],
  write: (rows: readonly T[]) => Promise<unknown>,
): Promise<void> {
  const failed = new Set<number>();
  let cause: unknown;
  const left = [{ start: 0, part: rows }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { start, part } = next;
    try {
      await write(part);
    } catch (fault) {
      if (!isOfRows(fault)) throw fault;
      cause = fault;
      const middle = Math.ceil(part.length / 2);
      if (part.length === 1) failed.add(start);
      else {
        left.push({ start: start + middle, part: part.slice(middle) });
        left.push({ start, part: part.slice(0, middle) });
      }
    }
  }
  if (failed.size > 0) throw new PartlyWritten(failed, cause);
}
