import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DatabaseFault, NOT_MIGRATED } from '../client/database-error.js';

export interface RecordedMigration {
  readonly name: string;
  readonly isFinished: boolean;
}

/** prisma/migrations of this version, above the file that runs: in a checkout, in its bundle, in the image. */
function migrationsFolder(): string {
  let folder = import.meta.dirname;
  for (;;) {
    const migrations = join(folder, 'prisma', 'migrations');
    if (existsSync(join(migrations, 'migration_lock.toml'))) return migrations;
    if (dirname(folder) === folder)
      throw new Error('prisma/migrations of this version is missing beside it.');
    folder = dirname(folder);
  }
}

export function migrationNames(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** Compares what a database records with what this version ships. */
export class MigrationState {
  readonly #known: readonly string[];
  /** Migrations of newer versions, applied while this process was ready: they suit the version before them. */
  readonly #tolerated = new Set<string>();
  #wasReady = false;

  constructor(
    private readonly mayBeAhead: boolean,
    folder = migrationsFolder(),
  ) {
    this.#known = migrationNames(folder);
  }

  fault(recorded: readonly RecordedMigration[]): DatabaseFault | null {
    const finished = new Set(recorded.filter(({ isFinished }) => isFinished).map(({ name }) => name));
    if (this.#known.some((name) => !finished.has(name))) return NOT_MIGRATED;
    const unknown = recorded.map(({ name }) => name).filter((name) => !this.#known.includes(name));
    if (this.#wasReady || this.mayBeAhead) for (const name of unknown) this.#tolerated.add(name);
    const ahead = unknown.filter((name) => !this.#tolerated.has(name));
    if (ahead.length > 0) return aheadOf(ahead);
    this.#wasReady = true;
    return null;
  }
}

export function aheadOf(names: readonly string[]): DatabaseFault {
  return {
    code: 'database_ahead',
    message:
      `The database is ahead of this version, which does not know the migration ${names[0] ?? ''}. ` +
      'Start the version that brought it, or set ALLOW_NEWER_SCHEMA=true to go back to the version before.',
  };
}
