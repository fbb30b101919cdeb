import pg from 'pg';
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { missingSql } from '../../src/token-store/migrations/schema-engine.js';
import { exhaustive } from '../support/exhaustive.js';
import { createDatabase } from '../support/test-bed.js';

const MIGRATIONS = 'prisma/migrations';
const schema = readFileSync('prisma/schema.prisma', 'utf8');
const names = readdirSync(MIGRATIONS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

describe('the migrations', () => {
  let database: pg.Client;
  let url: string;
  let copy: string;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
    cpSync(MIGRATIONS, copy, { recursive: true });
  });
  afterEach(() => database.end());
  afterAll(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  /** Migrated as the databases of all tests are; another that is empty costs its seconds again. */
  const use = async (own: Promise<string> = createDatabase()) => {
    url = await own;
    database = new pg.Client({ connectionString: url });
    await database.connect();
  };

  test('make what prisma/schema.prisma says, and `npm run migration -- NAME` writes what is missing', async () => {
    await use();
    expect(await missingSql(url, schema)).toBeNull();
  });

  test('lack a field that the schema has more, and the SQL for it is named', async () => {
    await use();
    const changed = schema.replace('model Service {', 'model Service {\n  note String?');
    expect(await missingSql(url, changed)).toContain('ADD COLUMN     "note" TEXT');
  });

  exhaustive.test('are recorded as `prisma migrate deploy` records them, and applied once', async () => {
    await use(emptyDatabase());
    expect(await migrate(url, MIGRATIONS)).toEqual(names);
    expect(await migrate(url, MIGRATIONS)).toEqual([]);
    const { rows } = await database.query('SELECT * FROM _prisma_migrations ORDER BY migration_name');
    expect(rows).toEqual(
      names.map((name) => ({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        migration_name: name,
        // Prisma compares this with the file, and refuses a migration that was edited after it was applied.
        checksum: createHash('sha256')
          .update(readFileSync(join(MIGRATIONS, name, 'migration.sql')))
          .digest('hex'),
        started_at: expect.any(Date),
        finished_at: expect.any(Date),
        applied_steps_count: 1,
        logs: null,
        rolled_back_at: null,
      })),
    );
  });

  exhaustive.test(
    'name the user of what a grant has, also where the retention has dropped the first partition of the audit trail',
    async () => {
      await use(emptyDatabase());
      const earlier = mkdtempSync(join(tmpdir(), 'token-broker-migrations-'));
      cpSync(join(MIGRATIONS, 'migration_lock.toml'), join(earlier, 'migration_lock.toml'));
      for (const name of names.filter((each) => each < '20261128050000'))
        cpSync(join(MIGRATIONS, name), join(earlier, name), { recursive: true });
      await migrate(url, earlier);
      await database.query('ALTER TABLE audit_trail DETACH PARTITION audit_events');
      await database.query('DROP TABLE audit_events');
      await database.query(`
      INSERT INTO grants (id, user_id, client, account_sub, status, refresh_token_issued_at, created_at, consented_at, sealed_refresh_token)
        VALUES (gen_random_uuid(), 'alice', 'default', '1', 'active', now(), now(), now(), 'sealed');
      INSERT INTO access_tokens (grant_id, scope_set, sealed_token, obtained_at, expires_at)
        SELECT id, 'scope', 'sealed', now(), now() + interval '1 hour' FROM grants;
      INSERT INTO ads_trees SELECT id, '{}', now() FROM grants;
      INSERT INTO refresh_tokens (fingerprint, account_sub, client, grant_id, issued_at, last_used_at, prefix_hash, sha512_hash)
        SELECT '0'::bytea, '1', 'default', id, now(), now(), ''::bytea, ''::bytea FROM grants
        UNION ALL SELECT '1', '1', 'default', NULL, now(), now(), '', ''`);
      await migrate(url, MIGRATIONS);
      const users = await database.query(`
      SELECT array(SELECT user_id FROM access_tokens) AS tokens, array(SELECT user_id FROM ads_trees) AS trees,
        array(SELECT user_id FROM refresh_tokens ORDER BY grant_id NULLS LAST) AS ledger,
        (SELECT expires_at IS NOT NULL FROM grants) AS expires`);
      expect(users.rows).toEqual([
        { tokens: ['alice'], trees: ['alice'], ledger: ['alice', ''], expires: true },
      ]);
      expect(await missingSql(url, schema)).toBeNull();
      rmSync(earlier, { recursive: true });
    },
  );

  test('may hold semicolons in strings and functions', async () => {
    await use();
    add(
      '29990101000000_semicolons',
      `CREATE FUNCTION two() RETURNS int AS $$ BEGIN PERFORM 1; RETURN 2; END $$ LANGUAGE plpgsql;
       CREATE TABLE note AS SELECT 'a;b' AS text, two() AS number;`,
    );
    await migrate(url, copy);
    const { rows } = await database.query('SELECT * FROM note');
    expect(rows).toEqual([{ text: 'a;b', number: 2 }]);
  });

  test('change nothing where one fails, and those after it are not applied', async () => {
    await use();
    add('29990102000000_faulty', 'CREATE TABLE half (id int); SELECT nonsense;');
    await expect(migrate(url, copy)).rejects.toThrow('nonsense');
    const { rows } = await database.query("SELECT to_regclass('half') AS half");
    expect(rows).toEqual([{ half: null }]);
    await expect(migrate(url, copy)).rejects.toThrow('29990102000000_faulty');
  });

  function add(name: string, sql: string): void {
    mkdirSync(join(copy, name));
    writeFileSync(join(copy, name, 'migration.sql'), sql);
  }
});

async function emptyDatabase(): Promise<string> {
  const base = process.env['TEST_POSTGRES_URL'] ?? '';
  const name = `migrations_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: `${base}postgres` });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return `${base}${name}`;
}
