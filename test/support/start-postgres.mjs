import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../dist/sandbox/trying/postgres.js';
import { migrate } from '../../dist/src/token-store/migrate.js';

/** One real PostgreSQL for all tests, with a migrated template; each test file copies it into a database of its own. */
export default async function start() {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-test-'));
  // When root runs the tests, PostgreSQL runs as another user and must get there.
  chmodSync(parent, 0o755);
  const folder = join(parent, 'postgres');
  const flags = ['-c', 'fsync=off', '-c', 'max_connections=200'];
  const postgres = await startPostgres({ folder, password: randomUUID(), flags });
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  await client.query('CREATE DATABASE migrated');
  await client.end();
  await migrate(postgres.url('migrated'), new URL('../../prisma/migrations', import.meta.url).pathname);
  process.env.TEST_POSTGRES_URL = postgres.url('');
  globalThis.testPostgres = { postgres, folder };
}
