/**
 * Fills tables without their indexes, and builds these after the rows, as a restore does: row by row, millions of them in a random
 * order would write each page of an index many times. Owns neither what is filled in nor the definitions, which PostgreSQL knows.
 */
import type pg from 'pg';

interface Definition {
  readonly name: string;
  readonly table: string;
  readonly definition: string;
}

/** Those that other keys refer to come first. */
const CONSTRAINTS = `
  SELECT quote_ident(conname) AS name, conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS definition
  FROM pg_constraint WHERE conrelid::regclass::text = ANY ($1) AND contype IN ('p', 'u') OR confrelid::regclass::text = ANY ($1)
  ORDER BY contype = 'f'`;
const INDEXES = `
  SELECT indexrelid::regclass::text AS name, indrelid::regclass::text AS table, pg_get_indexdef(indexrelid) AS definition
  FROM pg_index WHERE indrelid::regclass::text = ANY ($1)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))`;

export async function withoutIndexes(
  database: pg.Client,
  tables: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const { rows: constraints } = await database.query<Definition>(CONSTRAINTS, [tables]);
  const { rows: indexes } = await database.query<Definition>(INDEXES, [tables]);
  for (const { name } of indexes) await database.query(`DROP INDEX ${name}`);
  for (const { name, table } of constraints.toReversed())
    await database.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  try {
    await fill();
  } finally {
    const keys = constraints.map(
      ({ name, table, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`,
    );
    for (const statement of [...keys, ...indexes.map(({ definition }) => definition)])
      await database.query(statement);
  }
}
