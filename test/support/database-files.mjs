/** Which test files use a database: themselves, or by what they import of test/. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** That of the run (start-postgres.mjs), the cluster of the run (cluster.ts), or servers of their own. */
const USES = /TEST_POSTGRES_URL|TEST_CITUS_SERVERS|startPostgres\(|TRIAL_DATA_DIR/;
const IMPORT = /(?:from|import) '(\.[^']+)\.js'/g;

/** @returns their paths, from the root of the repository */
export function databaseFiles() {
  const uses = new Map();
  const reach = (path) => {
    if (uses.has(path)) return uses.get(path);
    uses.set(path, false);
    const text = readFileSync(path, 'utf8');
    const imported = [...text.matchAll(IMPORT)]
      .map(([, name]) => normalize(join(path, '..', `${name}.ts`)))
      .filter((file) => file.startsWith('test') && existsSync(file));
    const found = USES.test(text) || imported.map(reach).some(Boolean);
    uses.set(path, found);
    return found;
  };
  return readdirSync('test', { recursive: true })
    .map((path) => join('test', path))
    .filter((path) => path.endsWith('.test.ts') && reach(path))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}
