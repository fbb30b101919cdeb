import type { AddressSource } from '../client/address-source.js';
import { withOwnSession } from './own-session.js';
import { isConcurrent, statementsOf } from './statements.js';

/** Where it is noted how far a migration came that was interrupted. Empty otherwise. */
const STEPS = 'distributed_migration_steps';

interface Run {
  readonly name: string;
  readonly script: string;
  /** What each statement begins with, so that it is found among those that wait. */
  readonly marker: string;
  readonly lockTimeoutMs: number;
}

/**
 * Runs a migration of a database whose tables are distributed, statement by statement: one transaction for all is more than a cluster
 * takes. What was done before an interruption is not done again.
 */
export async function runByStatement(
  source: AddressSource,
  { name, script, marker, lockTimeoutMs }: Run,
): Promise<void> {
  await withOwnSession(source, async (client) => {
    await client.query(
      `SET lock_timeout = ${lockTimeoutMs};
       CREATE TABLE IF NOT EXISTS ${STEPS} (migration text, step int, PRIMARY KEY (migration, step))`,
    );
    const { rows } = await client.query<{ done: number }>(
      `SELECT count(*)::int AS done FROM ${STEPS} WHERE migration = $1`,
      [name],
    );
    const done = rows[0]?.done ?? 0;
    for (const [step, statement] of statementsOf(script).entries()) {
      if (step < done) continue;
      // With its note or not at all, except for what runs in no transaction, and looks itself whether it was done.
      const isAlone = isConcurrent(statement);
      if (!isAlone) await client.query('BEGIN');
      await client.query(`${marker} ${statement}`);
      await client.query(`INSERT INTO ${STEPS} VALUES ($1, $2)`, [name, step]);
      if (!isAlone) await client.query('COMMIT');
    }
    await client.query(`DELETE FROM ${STEPS} WHERE migration = $1`, [name]);
  });
}
