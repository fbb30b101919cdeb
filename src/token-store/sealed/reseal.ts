import { Secret } from '../../domain/secret.js';
import { beginningOf } from '../../sealing/compact-jwe.js';
import { SealBroken, type Sealer } from '../../sealing/sealer.js';
import type { Database } from '../client/database.js';
import type { SealedColumn, SealedValue } from './sealed-column.js';
import { sealedColumns } from './sealed-columns.js';

/** What happened to a value: resealed, under the newest key already, changed by the broker meanwhile, not opened. */
type ResealOutcome = 'resealed' | 'newest' | 'changed' | 'unopened';

interface ColumnReport extends Readonly<Record<ResealOutcome, number>> {
  readonly column: string;
}

export interface ResealReport {
  readonly newestKeyId: string;
  readonly columns: readonly ColumnReport[];
  /** How many values each key id seals, counted afterwards. */
  readonly keysInUse: ReadonlyMap<string, number>;
  /** Why values did not open, each reason once. */
  readonly problems: readonly string[];
}

/** Stands for the key of a value that is not sealed at all. */
const NO_KEY = '(unreadable)';

/** No value begins with it: each is read. */
const NOTHING = '\u0001';

/**
 * Seals every stored secret again under the newest key. What has it already is only counted, by PostgreSQL: a run that finds little to
 * do, as one after an interruption, goes through millions of rows in minutes. Safe while the broker runs: a value that the broker changed
 * since it was read is left as the broker wrote it. A value that does not open is left too, and reported.
 * @param verify open also what the newest key sealed, as after a restore
 */
export async function reseal(database: Database, sealer: Sealer, verify = false): Promise<ResealReport> {
  const newestKeyId = keyIdOf(await sealer.seal(new Secret('probe'), 'probe'));
  const problems = new Set<string>();
  const columns: ColumnReport[] = [];
  for (const column of sealedColumns(database)) {
    columns.push(await resealColumn(column, newestKeyId, sealer, problems, verify));
  }
  return { newestKeyId, columns, keysInUse: await countKeys(database, newestKeyId), problems: [...problems] };
}

async function resealColumn(
  column: SealedColumn,
  newestKeyId: string,
  sealer: Sealer,
  problems: Set<string>,
  verify: boolean,
): Promise<ColumnReport> {
  const counts = { column: column.name, resealed: 0, newest: 0, changed: 0, unopened: 0 };
  const resealOne = async (value: SealedValue): Promise<ResealOutcome> => {
    const { sealed, aad } = value;
    const isNewest = keyIdOf(sealed) === newestKeyId;
    if (isNewest && !verify) return 'newest';
    try {
      const secret = await sealer.open(sealed, aad);
      if (isNewest) return 'newest';
      return (await value.replace(await sealer.seal(secret, aad))) ? 'resealed' : 'changed';
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      problems.add(error.message);
      return 'unopened';
    }
  };
  for await (const { newest, others } of column.batches(verify ? NOTHING : beginningOf(newestKeyId))) {
    counts.newest += newest;
    for (const outcome of await Promise.all(others.map(resealOne))) counts[outcome] += 1;
  }
  return counts;
}

async function countKeys(database: Database, newestKeyId: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const add = (keyId: string, count: number) => {
    if (count > 0) counts.set(keyId, (counts.get(keyId) ?? 0) + count);
  };
  for (const column of sealedColumns(database)) {
    for await (const { newest, others } of column.headers(beginningOf(newestKeyId))) {
      add(newestKeyId, newest);
      for (const header of others) add(keyIdOf(header), 1);
    }
  }
  return counts;
}

/** The protected header of a JWE is readable and names the key (RFC 7516 section 3.1). */
function keyIdOf(sealed: string): string {
  try {
    const header: unknown = JSON.parse(Buffer.from(sealed.split('.', 1)[0] ?? '', 'base64url').toString());
    const kid = typeof header === 'object' && header !== null && 'kid' in header ? header.kid : undefined;
    return typeof kid === 'string' ? kid : NO_KEY;
  } catch {
    return NO_KEY;
  }
}
