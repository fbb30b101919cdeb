import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

/**
 * Prisma's own schema engine, compiled to WebAssembly: it applies migrations and keeps `_prisma_migrations`
 * exactly as `prisma migrate deploy` does, without downloading a binary.
 * @param use gets the engine, connected to the database; the connection ends with it
 */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  await load();
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
    const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);
    return await use(engine);
  } finally {
    await pool.end();
  }
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
