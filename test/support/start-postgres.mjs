import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../dist/sandbox/trial/postgres.js';
import { migrate } from '../../dist/src/token-store/migrations/migrate.js';
import startCitus from './start-citus.mjs';
import { grantPrivileges } from '../../dist/src/token-store/migrations/runtime-privileges.js';

const RUNTIME_ROLE = 'token_broker_runtime';

/** Nothing here outlives the run. Vacuuming a hundred databases of a minute each would take longer than it saves. */
const SETTINGS = {
  max_connections: 200,
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  jit: 'off',
  // Hundreds of sessions begin; how slowly a password is derived is not what they are for.
  scram_iterations: 1,
};

/** One real PostgreSQL for all tests, with a migrated template; each test file copies it into a database of its own. */
export default async function start() {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-test-'));
  // When root runs the tests, PostgreSQL runs as another user and must get there.
  chmodSync(parent, 0o755);
  globalThis.testFolder = parent;
  // What tests make with tmpdir(), and what they start, is removed with it at the end.
  process.env.TMPDIR = parent;
  if (process.env.TEST_CITUS_URL) return startCitus(process.env.TEST_CITUS_URL, RUNTIME_ROLE);
  const folder = join(parent, 'postgres');
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const password = randomUUID();
  const postgres = await startPostgres({ folder, password, flags });
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  await client.query('CREATE DATABASE migrated');
  await migrate(postgres.url('migrated'), new URL('../../prisma/migrations', import.meta.url).pathname);
  // The brokers under test run as a role that may do no more than it must.
  await client.query(`CREATE ROLE ${RUNTIME_ROLE} LOGIN PASSWORD '${password}'`);
  await client.end();
  await grantPrivileges(postgres.url('migrated'), RUNTIME_ROLE);
  process.env.TEST_POSTGRES_URL = postgres.url('');
  globalThis.testPostgres = postgres;
}
