/** The databases of `npm run test:citus`: a distributed template at each server of a cluster that is there already. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDistributedDatabase, serversOf } from '../../dist/sandbox/trial/citus.js';
import { migrate } from '../../dist/src/token-store/migrations/migrate.js';
import { grantPrivileges } from '../../dist/src/token-store/migrations/runtime-privileges.js';

/** Of each table, in place of 32: each test file copies all of them, at each server. */
const SHARDS = 8;
const FOLDER = new URL('../../prisma/migrations', import.meta.url).pathname;

/** @param url of a database at the coordinator, as a superuser; it has citus, and its servers were added to it */
export default async function startCitus(url, role) {
  const bases = await serversOf(url);
  console.log(
    'On each server of the cluster a database `migrated` is dropped and made, and so are databases `test_…` and `empty_…`; ' +
      `the role ${role} is made where it is not there. The databases are dropped at the end, the role stays.`,
  );
  globalThis.testCitus = { bases, before: await testDatabases(bases) };
  for (const base of bases) {
    await query(
      `${base}postgres`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'migrated'`,
    );
    await query(`${base}postgres`, 'DROP DATABASE IF EXISTS migrated WITH (FORCE)');
  }
  const [coordinator = ''] = bases;
  await createDistributedDatabase(bases, 'migrated');
  await query(`${coordinator}postgres`, `ALTER DATABASE migrated SET citus.shard_count = ${SHARDS}`);
  await migrate(`${coordinator}migrated`, FOLDER, { distribute: true, say: (line) => console.log(line) });
  const password = new URL(url).password || randomUUID();
  const known = await query(`${coordinator}migrated`, `SELECT 1 FROM pg_roles WHERE rolname = '${role}'`);
  if (known.length === 0)
    await query(`${coordinator}migrated`, `CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  await grantPrivileges(`${coordinator}migrated`, role);
  for (const base of bases) {
    // A template with a session, such as one of Citus's own, cannot be copied.
    await query(`${base}postgres`, 'ALTER DATABASE migrated ALLOW_CONNECTIONS false');
    await query(
      `${base}postgres`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'migrated'`,
    );
  }
  process.env.TEST_POSTGRES_URL = coordinator;
  process.env.TEST_CITUS_SERVERS = JSON.stringify(bases);
}

/** Drops what the run has made. */
export async function stopCitus({ bases, before }) {
  const made = (await testDatabases(bases)).filter((name) => !before.includes(name));
  for (const base of bases) {
    await query(`${base}postgres`, 'ALTER DATABASE migrated ALLOW_CONNECTIONS true');
    for (const name of [...made, 'migrated']) {
      await endPrepared(base, name);
      await query(`${base}postgres`, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  }
}

/** What a killed server left, which its coordinator has not decided yet: it keeps its database. */
async function endPrepared(base, name) {
  const prepared = await query(
    `${base}postgres`,
    `SELECT gid FROM pg_prepared_xacts WHERE database = '${name}'`,
  );
  for (const { gid } of prepared)
    // Citus may end it meanwhile.
    await query(`${base}${name}`, `ROLLBACK PREPARED '${gid}'`).catch(() => undefined);
}

async function testDatabases([coordinator]) {
  const rows = await query(
    `${coordinator}postgres`,
    `SELECT datname AS name FROM pg_database WHERE datname ~ '^(test|empty)_[0-9a-f]{32}$'`,
  );
  return rows.map(({ name }) => name);
}

async function query(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
