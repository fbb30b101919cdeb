// `npm run migration -- NAME`: writes prisma/migrations/<time>_<name>/migration.sql with the difference between
// prisma/schema.prisma and the existing migrations, which are applied to a temporary PostgreSQL. No other database is used.
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../dist/sandbox/trial/postgres.js';
import { migrate } from '../dist/src/token-store/migrations/migrate.js';
import { missingSql } from '../dist/src/token-store/migrations/schema-engine.js';

process.chdir(join(import.meta.dirname, '..'));
const MIGRATIONS = 'prisma/migrations';

const words = process.argv.slice(2).join('_').toLowerCase().replaceAll(/[ -]/g, '_');
if (!/^[a-z][a-z0-9_]{0,59}$/.test(words)) {
  fail(
    'Say what the migration does, in letters, digits and _, such as: npm run migration -- add_note_to_services',
  );
}
const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
const name = `${time}_${words}`;
const [newest = ''] = readdirSync(MIGRATIONS)
  .filter((entry) => /^\d{14}_/.test(entry))
  .sort()
  .reverse();
if (newest >= name) {
  fail(
    `${newest} would come after ${name}: its time lies in the future. Rename it if it was applied nowhere yet.`,
  );
}

const home = mkdtempSync(join(tmpdir(), 'token-broker-migration-'));
// When root runs this, PostgreSQL runs as another user, who needs access.
chmodSync(home, 0o755);
try {
  const folder = join(home, 'postgres');
  const postgres = await startPostgres({ folder, password: randomUUID(), flags: ['-c', 'fsync=off'] });
  try {
    await write(postgres.url('postgres'));
  } finally {
    await postgres.stop();
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function write(databaseUrl) {
  const schema = readFileSync('prisma/schema.prisma', 'utf8');
  await migrate(databaseUrl, MIGRATIONS);
  const sql = await missingSql(databaseUrl, schema);
  if (sql === null) {
    console.log(
      'Nothing is missing: the migrations make what prisma/schema.prisma says. No file was written.',
    );
    return;
  }
  const folder = join(MIGRATIONS, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'migration.sql'), sql);
  await migrate(databaseUrl, MIGRATIONS);
  console.log(`${sql}\nWrote ${join(folder, 'migration.sql')}; on an empty database it works.`);
  console.log('Review it: does it keep the existing rows, and how long does it lock?');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
