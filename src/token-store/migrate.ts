import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MigrationList, SchemaFilter } from '@prisma/schema-engine-wasm';
import { withSchemaEngine } from './schema-engine.js';

const NO_FILTER: SchemaFilter = { externalTables: [], externalEnums: [] };

/**
 * Brings the database to the newest schema. Safe to run again, and safe beside `prisma migrate deploy`.
 * @param folder the path of prisma/migrations
 * @returns the names of the migrations that were applied just now
 */
export async function migrate(databaseUrl: string, folder: string): Promise<string[]> {
  return withSchemaEngine(databaseUrl, async (engine) => {
    const { appliedMigrationNames } = await engine.applyMigrations({
      migrationsList: readMigrations(folder),
      filters: NO_FILTER,
    });
    return appliedMigrationNames;
  });
}

function readMigrations(folder: string): MigrationList {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const lockfile = 'migration_lock.toml';
  return {
    baseDir: folder,
    lockfile: { path: lockfile, content: readFileSync(join(folder, lockfile), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') },
      },
    })),
  };
}
