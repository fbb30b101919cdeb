import type pg from 'pg';
import type { AddressSource } from '../client/address-source.js';
import { withOwnSession } from './own-session.js';
import { isConcurrent, statementsOf } from './statements.js';

/** Where it is noted how far a migration came that was interrupted or failed. Empty otherwise. */
const STEPS = 'distributed_migration_steps';

interface Run {
  readonly name: string;
  readonly script: string;
  /** What each statement begins with, so that it is found among those that wait. */
  readonly marker: string;
  readonly lockTimeoutMs: number;
}

/** A statement of a migration failed. Those before it are committed, and not run again. */
export class StatementFailed extends Error {
  override readonly name = 'StatementFailed';

  constructor(migration: string, which: string, cause: unknown) {
    super(
      `The migration ${migration} failed at its statement ${which}; those before it are done.\n${(cause as Error).message}\n` +
        'Run `token-broker migrate` again once the reason is gone: it goes on at this statement.',
      { cause },
    );
  }
}

/**
 * Runs a migration of a database whose tables are distributed, statement by statement: one transaction for all is more than a cluster
 * takes. What was done before an interruption or a failure is not done again; the last statement records that the migration is finished.
 * @throws {StatementFailed}
 */
export async function runByStatement(
  source: AddressSource,
  { name, script, marker, lockTimeoutMs }: Run,
): Promise<void> {
  await withOwnSession(source, async (client) => {
    const limit = `SET lock_timeout = ${lockTimeoutMs}`;
    await client.query(
      `${limit}; CREATE TABLE IF NOT EXISTS ${STEPS} (migration text, step int, PRIMARY KEY (migration, step))`,
    );
    const { rows } = await client.query<{ done: number }>(
      `SELECT count(*)::int AS done FROM ${STEPS} WHERE migration = $1`,
      [name],
    );
    const done = rows[0]?.done ?? 0;
    const statements = statementsOf(script);
    for (const [step, statement] of statements.entries()) {
      if (step < done) continue;
      try {
        // With its note or not at all, except for what runs in no transaction, and looks itself whether it was done. That blocks none while it
        // waits, and would have to begin again.
        const isAlone = isConcurrent(statement);
        if (isAlone) {
          await client.query('SET lock_timeout = 0');
          await client.query(`${marker} ${statement}`);
          await client.query(limit);
        }
        await client.query('BEGIN');
        if (!isAlone) await client.query(`${marker} ${statement}`);
        await client.query(`INSERT INTO ${STEPS} VALUES ($1, $2)`, [name, step]);
        if (step === statements.length - 1) await finish(client, name);
        await client.query('COMMIT');
      } catch (error) {
        throw new StatementFailed(name, `${step + 1} of ${statements.length}`, error);
      }
    }
  });
}

/** In the transaction of the last statement: the engine records it once more, and may be interrupted before. */
async function finish(client: pg.Client, name: string): Promise<void> {
  await client.query(
    `UPDATE public._prisma_migrations SET finished_at = clock_timestamp()
     WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL`,
    [name],
  );
  await client.query(`DELETE FROM ${STEPS} WHERE migration = $1`, [name]);
}
