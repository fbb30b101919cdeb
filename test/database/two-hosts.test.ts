import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort, type RunningPostgres, startPostgres } from '../../sandbox/trial/postgres.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { query, tokenBroker } from '../cli/token-broker.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** A primary, and a standby that is a copy of it: it does not follow the primary, but can be read and promoted. */
let folder: string;
let primary: RunningPostgres;
let standby: RunningPostgres;
let bed: TestBed;
const password = randomUUID();

const both = (attributes = '') =>
  `postgresql://broker:${password}@127.0.0.1:${standby.port},127.0.0.1:${primary.port}/postgres${attributes}`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-two-hosts-'));
  chmodSync(folder, 0o755);
  const flags = ['-c', 'fsync=off'];
  const first = join(folder, 'first');
  const second = join(folder, 'second');
  const empty = await startPostgres({ folder: first, password, flags });
  await migrate(empty.url('postgres'), 'prisma/migrations');
  await empty.stop();
  spawnSync('cp', ['-a', first, second]);
  writeFileSync(join(second, 'standby.signal'), '');
  primary = await startPostgres({ folder: first, password, flags });
  standby = await startPostgres({ folder: second, password, flags });
  bed = await startTestBed(() => ({ DATABASE_URL: both('?target_session_attrs=read-write') }));
}, 120_000);

afterAll(async () => {
  await bed.stop();
  await Promise.all([primary.stop(), standby.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const ready = async () => {
  const response = await fetch(`${bed.url}/health/ready`);
  return { status: response.status, detail: ((await response.json()) as { detail?: string }).detail };
};

test('the writable host is found, whichever comes first, and migrate finds it too', async () => {
  expect((await ready()).status).toBe(200);
  const page = await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  expect(page.status).toBe(200);
  expect((await bed.api.token('alice')).status).toBe(200);
  expect(await tokenBroker(['migrate'], { DATABASE_URL: both() })).toMatchObject({
    code: 0,
    stdout: 'The database is up to date.\n',
  });
});

test('a standby alone is not ready and gives 503, and migrate says why', async () => {
  const alone = standby.url('postgres');
  const { code, stderr } = await tokenBroker(['migrate'], { DATABASE_URL: alone });
  expect({ code, stderr }).toEqual({
    code: 69,
    stderr: expect.stringMatching(/^The database can only be read: it is a standby/),
  });
  await bed.restart({ DATABASE_URL: alone });
  expect(await ready()).toEqual({
    status: 503,
    detail: expect.stringMatching(/^The database can only be read/),
  });
  await bed.restart();
  expect((await ready()).status).toBe(200);
});

test('hosts that cannot be reached, or only read, are named with what each said, and the password is not', async () => {
  const closed = await freePort();
  const url = `postgresql://broker:${password}@127.0.0.1:${closed},127.0.0.1:${standby.port}/postgres`;
  for (const args of [['migrate'], ['service', 'list']]) {
    const { code, stderr } = await tokenBroker(args, { ...bed.settings, DATABASE_URL: url });
    expect({ args, code }).toEqual({ args, code: 69 });
    expect(stderr).toContain(
      ` Tried 127.0.0.1:${closed} (ECONNREFUSED), 127.0.0.1:${standby.port} (read-only).`,
    );
    expect(stderr).not.toContain(password);
  }
});

test('the broker goes on at the promoted standby after the primary stops', async () => {
  await primary.stop();
  await query(standby.url('postgres'), 'SELECT pg_promote()');
  await until(async () => (await ready()).status === 200);
  expect(await ready()).toEqual({ status: 200, detail: undefined });
  // The copy was made before anybody connected, and before the service had its key.
  expect((await bed.api.token('alice')).status).toBe(401);
  const service = await bed.service();
  expect((await service.token('alice')).status).toBe(404);
});
