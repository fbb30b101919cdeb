import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlQuery,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { Secret } from '../../domain/secret.js';
import { AddressSource } from '../client/address-source.js';
import { DatabaseClient, type DatabaseClientConfig } from '../client/database-client.js';
import { NO_LIMITS, prepareSession } from '../client/session.js';
import { AdapterWithZones } from '../client/timestamps.js';

/** Runs one migration's SQL. @param run sends it, as often as needed */
export type ScriptRunner = (script: string, run: (sql: string) => Promise<void>) => Promise<void>;

/** The engine's own lock is off: the caller holds the one of migration-lock.ts, which says why. */
const ENGINE_LOCK = /^SELECT pg_advisory_lock\(\d+\)$/;

/**
 * Prisma's own schema engine, compiled to WebAssembly: it applies migrations and keeps `_prisma_migrations`
 * exactly as `prisma migrate deploy` does, without downloading a binary.
 * @param use gets the engine, connected to the database; the connection ends with it
 */
export async function withSchemaEngine<T>(
  source: AddressSource,
  use: (engine: SchemaEngine) => Promise<T>,
  runScript: ScriptRunner = (script, run) => run(script),
): Promise<T> {
  await load();
  const config: pg.PoolConfig & DatabaseClientConfig = {
    source,
    max: 2,
    Client: DatabaseClient as unknown as new () => pg.ClientBase,
    application_name: 'token-broker migrate',
    onConnect: ((client: DatabaseClient) => prepareSession(client, null, NO_LIMITS)) as unknown as () => void,
  };
  const pool = new pg.Pool(config);
  // A connection that breaks while it is idle; the next query reports it.
  pool.on('error', () => undefined);
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new EngineAdapters(pool, runScript));
    const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);
    return await use(engine);
  } finally {
    await pool.end();
  }
}

/**
 * Compares a database, as its migrations left it, with prisma/schema.prisma. For `npm run migration` and the test
 * that keeps the two together; the broker itself does not use it.
 * @param schema the content of prisma/schema.prisma
 * @returns the SQL that is missing; null when the database is as the schema says
 */
export async function missingSql(databaseUrl: string, schema: string): Promise<string | null> {
  const files = [{ path: 'schema.prisma', content: schema }];
  return withSchemaEngine(new AddressSource(new Secret(databaseUrl)), async (engine) => {
    const { exitCode, stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '.' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
    return exitCode === 0 ? null : stdout;
  });
}

/** Oids of pg_type; the last one is `name[]`. */
const [CHAR, TEXT, TEXT_ARRAY, NAME_ARRAY] = [18, 25, 1009, 1003];

/**
 * Prisma's adapter, fixed where the engine needs more of it than the client does: it refuses two types that only
 * PostgreSQL's own catalogs use, and it cuts a script at every semicolon, also inside of strings and functions.
 */
class EngineAdapters extends AdapterWithZones {
  /** Which columns of a result were of the type `"char"`, by its rows. */
  readonly #characters: WeakMap<object, readonly number[]>;

  constructor(
    pool: pg.Pool,
    private readonly runScript: ScriptRunner,
  ) {
    const characters = new WeakMap<object, readonly number[]>();
    super(readingCatalogs(pool, characters));
    this.#characters = characters;
  }

  override async connect() {
    const adapter = await super.connect();
    const read = adapter.queryRaw.bind(adapter);
    const execute = adapter.executeRaw.bind(adapter);
    return Object.assign(adapter, {
      queryRaw: async (query: SqlQuery) => {
        const { columnTypes, ...result } = await read(query);
        for (const column of this.#characters.get(result.rows) ?? []) {
          columnTypes[column] = ColumnTypeEnum.Character;
        }
        return { columnTypes, ...result };
      },
      executeRaw: (query: SqlQuery) => (ENGINE_LOCK.test(query.sql) ? Promise.resolve(0) : execute(query)),
      // Whole, as the native engine sends it: PostgreSQL finds the ends of statements itself.
      executeScript: (script: string) =>
        this.runScript(script, async (sql) => {
          await execute({ sql, args: [], argTypes: [] });
        }),
    });
  }
}

/** A pool whose results name types that the adapter knows. */
function readingCatalogs(pool: pg.Pool, characters: WeakMap<object, readonly number[]>): pg.Pool {
  const query = pool.query.bind(pool) as (query: pg.QueryArrayConfig) => Promise<pg.QueryArrayResult>;
  const readable = async (config: pg.QueryArrayConfig) => {
    const result = await query(config);
    // A script of several statements has several results, which are not read.
    if (Array.isArray(result)) return result;
    const { fields, rows } = result;
    characters.set(
      rows,
      fields.flatMap(({ dataTypeID }, column) => (dataTypeID === CHAR ? [column] : [])),
    );
    for (const field of fields) {
      if (field.dataTypeID === CHAR) field.dataTypeID = TEXT;
      if (field.dataTypeID === NAME_ARRAY) field.dataTypeID = TEXT_ARRAY;
    }
    return result;
  };
  return new Proxy(pool, {
    get: (target, name): unknown => (name === 'query' ? readable : Reflect.get(target, name)),
  });
}

let loaded: Promise<void> | undefined;

function load(): Promise<void> {
  loaded ??= (async () => {
    const path = fileURLToPath(import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')).replace(
      /\.js$/,
      '.wasm',
    );
    const { instance } = await WebAssembly.instantiate(await readFile(path), {
      './schema_engine_bg.js': imports(),
    });
    bindings.__wbg_set_wasm(instance.exports);
    (instance.exports['__wbindgen_start'] as () => void)();
  })();
  return loaded;
}

/** The engine never clears the 10 s timeout of its lock; it must not keep the process alive for that long. */
function imports(): WebAssembly.ModuleImports {
  const setTimeoutUnref = (callback: () => void, ms: number) => setTimeout(callback, ms).unref();
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) =>
      name.startsWith('__wbg_setTimeout_')
        ? [name, setTimeoutUnref]
        : [name, value as WebAssembly.ImportValue],
    ),
  );
}
