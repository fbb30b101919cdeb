/** docs/operations.md, done: a backup is made while the broker runs, restored, and used; a key ring is lost, with and without a copy of it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type RunningPostgres, startPostgres } from '../../sandbox/trial/postgres.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { asJson, query, tokenBroker } from '../cli/token-broker.js';
import type { Api } from '../support/api.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const FLAGS = ['-c', 'fsync=off'];
const password = randomUUID();

let folder: string;
let server: RunningPostgres;
let bed: TestBed;
/** A service that is in the database of this test. */
let app: Api;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-backup-'));
  // PostgreSQL runs as another user where root runs the tests.
  chmodSync(folder, 0o755);
  server = await startPostgres({ folder: join(folder, 'server'), password, flags: FLAGS });
  await migrate(server.url('postgres'), 'prisma/migrations');
  bed = await startTestBed(() => ({ DATABASE_URL: server.url('postgres') }));
}, 120_000);

afterAll(async () => {
  await bed.stop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  await query(server.url('postgres'), 'DELETE FROM grants');
  await bed.restart();
  app = await bed.service();
  await app.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await app.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
});

/** What happens after the backup: Bob's grant is revoked, Dora connects, and a service is revoked. */
async function moveOn(): Promise<Api> {
  const { body } = await app.get('/users/bob/grants');
  for (const { id } of body['grants'] as { id: string }[])
    await app.delete(`/grants/${id}`, { mode: 'revoke' });
  const dora = { user_id: 'dora', scope: YOUTUBE, client: 'elsewhere' };
  await app.connect(dora, { account: ALICE.email });
  const later = await bed.service();
  expect((await later.token('alice')).status).toBe(200);
  return later;
}

/** What the broker on the restored database answers: Alice's token, refreshed; a dead grant; and nothing of what came later. */
async function expectTheTimeOfTheBackup(url: string, later: Api): Promise<void> {
  const env = { ...bed.settings, DATABASE_URL: url };
  expect(await tokenBroker(['migrate'], { DATABASE_URL: url })).toMatchObject({
    code: 0,
    stdout: 'The database is up to date.\n',
  });
  expect(await asJson(['keys', 'reseal', '--verify'], env)).toMatchObject({
    code: 0,
    output: { problems: [] },
  });
  await bed.restart({ DATABASE_URL: url });
  expect((await fetch(`${bed.url}/health/ready`)).status).toBe(200);
  bed.clock.advance(3700);
  expect((await app.token('alice')).status).toBe(200);
  expect((await app.token('bob')).body).toMatchObject({ status: 410, code: 'reconnect_required' });
  expect((await app.token('dora', { client: 'elsewhere' })).status).toBe(404);
  expect((await later.token('alice')).status).toBe(401);
}

test('a copy of the server’s files, made while it runs, restores grants that give tokens', async () => {
  const copy = join(folder, `copy-${randomUUID()}`);
  // As pg_basebackup does: https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  await client.query(`SELECT pg_backup_start('backup', true)`);
  execFileSync('cp', ['-a', join(folder, 'server'), copy]);
  rmSync(join(copy, 'postmaster.pid'), { force: true });
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  writeFileSync(join(copy, 'backup_label'), rows[0]?.labelfile ?? '');
  execFileSync('chown', ['--reference', join(copy, 'PG_VERSION'), join(copy, 'backup_label')]);
  // What was written while the files were copied, to the end of the backup.
  execFileSync('cp', ['-a', `${join(folder, 'server', 'pg_wal')}/.`, join(copy, 'pg_wal')]);
  await client.end();

  const later = await moveOn();
  const restored = await startPostgres({ folder: copy, password, flags: FLAGS });
  try {
    await expectTheTimeOfTheBackup(restored.url('postgres'), later);
  } finally {
    await bed.restart();
    await restored.stop();
  }
});

/** Where they are, with a slash; '' where the PATH has them. pg_dump refuses a server that is newer than it. */
const BIN = ['', '/usr/lib/postgresql/18/bin/', '/opt/homebrew/opt/postgresql@18/bin/'].find((folder) => {
  const { status, output } = spawnSync(`${folder}pg_restore`, ['--version'], { encoding: 'utf8' });
  return status === 0 && Number(/ (\d+)\.\d+/.exec(output.join(''))?.[1]) >= 18;
});

(BIN === undefined ? test.skip : test)(
  'a dump of pg_dump, restored by pg_restore, does so too (skipped without version 18 of them)',
  async () => {
    const dump = join(folder, 'token-broker.dump');
    const run = (program: string, ...args: string[]) => {
      const { status, stderr } = spawnSync(`${BIN ?? ''}${program}`, args, { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    };
    run('pg_dump', '--format=custom', `--file=${dump}`, server.url('postgres'));
    const later = await moveOn();
    await query(server.url('postgres'), 'CREATE DATABASE restored');
    const url = server.url('restored');
    run('pg_restore', '--exit-on-error', '--no-owner', '--no-privileges', `--dbname=${url}`, dump);
    await expectTheTimeOfTheBackup(url, later);
    await bed.restart();
  },
);

test('a lost key ring whose copy is put back costs nothing', async () => {
  const KEY_RING_FILE = join(folder, 'other-ring.json');
  expect((await tokenBroker(['keys', 'generate', '--out', KEY_RING_FILE])).code).toBe(0);
  await bed.restart({ KEY_RING_FILE });
  expect((await app.token('alice')).status).toBe(401);
  await bed.restart();
  expect((await app.token('alice')).status).toBe(200);
});

test('without a copy, the runbook’s SQL and `keys reseal --adopt` leave services that work, and users connect again', async () => {
  const KEY_RING_FILE = join(folder, 'new-ring.json');
  await tokenBroker(['keys', 'generate', '--out', KEY_RING_FILE]);
  const [, section = ''] = readFileSync('docs/operations.md', 'utf8').split('\n## A lost key ring\n');
  const [, sql = ''] = /```sql\n([^]*?)```/.exec(section) ?? [];
  expect(sql).toContain('UPDATE services SET mac = NULL');
  const revoked = await bed.service();
  const id = revoked.key.split('_')[1] ?? '';
  expect((await asJson(['service', 'revoke', id], bed.settings)).code).toBe(0);
  await query(server.url('postgres'), sql);

  const env = { ...bed.settings, KEY_RING_FILE };
  expect(await asJson(['keys', 'reseal', '--adopt'], env)).toMatchObject({
    code: 0,
    output: { problems: [] },
  });
  await bed.restart({ KEY_RING_FILE });
  expect((await app.token('alice')).body).toMatchObject({ status: 404, code: 'not_connected' });
  expect((await revoked.token('alice')).status).toBe(401);
  await app.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  expect((await app.token('alice')).status).toBe(200);
  await bed.restart();
});
