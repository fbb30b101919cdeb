import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { asJson, emptyDatabase, emptyFolder, query, tokenBroker, tokenBrokerHere } from './token-broker.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { createDatabase } from '../support/test-bed.js';

const MIGRATIONS = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

describe('token-broker migrate', () => {
  test('applies every migration to an empty database, and finds nothing to do in the second run', async () => {
    const DATABASE_URL = await emptyDatabase();
    expect(await tokenBroker(['migrate'], { DATABASE_URL })).toEqual({
      code: 0,
      stdout: `Applied ${MIGRATIONS.length} migration(s):\n${MIGRATIONS.map((name) => `  ${name}\n`).join('')}`,
      stderr: '',
    });
    expect(await query(DATABASE_URL, 'SELECT count(*)::int AS services FROM services')).toEqual([
      { services: 0 },
    ]);
    expect(await tokenBroker(['migrate'], { DATABASE_URL })).toEqual({
      code: 0,
      stdout: 'The database is up to date.\n',
      stderr: '',
    });
  });

  exhaustive.test(
    'does not distribute the tables of a database without Citus, says what that needs, and leaves them as they are',
    async () => {
      const DATABASE_URL = await createDatabase();
      const { code, stdout, stderr } = await tokenBroker(['migrate', '--distribute'], { DATABASE_URL });
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(
        /^The database has no extension citus, .* run CREATE EXTENSION citus in this database/,
      );
      expect(await query(DATABASE_URL, `SELECT to_regclass('grants_id_key')::text AS key`)).toEqual([
        { key: 'grants_id_key' },
      ]);
      const empty = await emptyDatabase();
      const { failure } = await asJson(['migrate', '--distribute'], { DATABASE_URL: empty });
      expect(failure).toMatchObject({ error: 'not_distributable', exit_code: 3 });
      expect(await query(empty, `SELECT to_regclass('_prisma_migrations') AS migrations`)).toEqual([
        { migrations: null },
      ]);
    },
  );

  exhaustive.test(
    'takes a database with functions of another version for one that is distributed, and one that is distributed in part for such',
    async () => {
      const DATABASE_URL = await createDatabase();
      const sql = (text: string) => query(DATABASE_URL, text);
      await sql('CREATE TABLE distributed_unfinished (relation text, name text, mode text)');
      const inPart = await tokenBroker(['migrate'], { DATABASE_URL });
      expect(inPart).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
      expect(inPart.stderr).toMatch(/only in part: `token-broker migrate --distribute` was interrupted/);
      await sql('DROP TABLE distributed_unfinished');
      await sql(`CREATE FUNCTION distributed_save_token(text) RETURNS int LANGUAGE sql AS 'SELECT 1'`);
      const { code, stderr } = await tokenBroker(['migrate'], { DATABASE_URL });
      expect([code, stderr]).toEqual([3, expect.stringContaining('has no extension citus')]);
    },
  );

  exhaustive.test('prints JSON with --json, with the URL in a file', async () => {
    const file = join(emptyFolder(), 'database-url');
    writeFileSync(file, `${await emptyDatabase()}\n`);
    const env = { DATABASE_URL_FILE: file };
    expect(await asJson(['migrate'], env)).toEqual({
      code: 0,
      output: { applied: MIGRATIONS },
      failure: null,
    });
    expect(await asJson(['migrate'], env)).toEqual({ code: 0, output: { applied: [] }, failure: null });
  });

  test.each(
    fewOf(
      [
        [{}, 'DATABASE_URL is not set'],
        [{ DATABASE_URL: 'mysql://root:hunter2@db' }, 'DATABASE_URL must be a postgresql:// URL'],
        [{ DATABASE_URL_FILE: '/nowhere' }, 'DATABASE_URL_FILE names a file that cannot be read'],
      ],
      1,
    ),
  )('exits with 78 for the faulty configuration %j', async (env: Record<string, string>, fault) => {
    const { code, stderr } = await tokenBrokerHere(['migrate', '--json'], env);
    expect({ code, ...(JSON.parse(stderr) as object) }).toMatchObject({ code: 78, faults: [fault] });
  });

  test('changes nothing where AUDIT_RETENTION_DAYS is faulty', async () => {
    const DATABASE_URL = await emptyDatabase();
    const { code, failure } = await asJson(['migrate'], { DATABASE_URL, AUDIT_RETENTION_DAYS: '90d' });
    expect({ code, faults: failure?.['faults'] }).toEqual({
      code: 78,
      faults: [expect.stringMatching(/^AUDIT_RETENTION_DAYS must be/)],
    });
    expect(await query(DATABASE_URL, `SELECT to_regclass('_prisma_migrations') AS migrations`)).toEqual([
      { migrations: null },
    ]);
  });

  test.each(
    fewOf(
      [
        ['no server there', (url: URL) => (url.port = '1'), 'cannot be reached'],
        [
          'a wrong password',
          (url: URL) => (url.password = 'hunter2'),
          'does not accept the user or password',
        ],
        ['no such database', (url: URL) => (url.pathname = '/nowhere'), 'does not exist on its server'],
      ],
      1,
    ),
  )('exits with 69 for %s, without a stack trace or a password', async (_, change, what) => {
    const url = new URL(await emptyDatabase());
    change(url);
    const { code, stdout, stderr } = await tokenBrokerHere(['migrate'], { DATABASE_URL: url.href });
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^The database ${what}.*\n$`));
    expect(stderr).not.toContain('hunter2');
  });

  test('exits with 3 after a migration that fails, and gives the reason', async () => {
    const DATABASE_URL = await emptyDatabase();
    await query(DATABASE_URL, 'CREATE TABLE services (id int)');
    const { code, failure } = await asJson(['migrate'], { DATABASE_URL });
    expect(code).toBe(3);
    expect(failure).toMatchObject({ error: 'migration_failed', exit_code: 3 });
    expect(failure?.['message']).toMatch(/^The database was not migrated\.\n/);
    expect(failure?.['message']).toContain('not empty');
  });
});
