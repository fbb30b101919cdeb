import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyRing, readKeyRing } from '../../src/sealing/key-ring.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { asJson, emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';
import { exhaustive } from '../support/exhaustive.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

interface Ring {
  keys: { kid: string; alg: string; k: string }[];
}
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Ring;
const write = (path: string, ring: Ring) => {
  writeFileSync(path, JSON.stringify(ring));
};
const sealingIds = (path: string) => [...readKeyRing(path).sealingKeys.keys()];
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** What a command does to a folder and its files, in order. @param fault what each sync of the folder fails with */
async function diskSteps(folder: string, args: string[], fault?: string) {
  const { fsyncSync, renameSync, linkSync } = fs;
  const inode = statSync(folder).ino;
  const steps: string[] = [];
  fs.fsyncSync = (fd) => {
    const isFolder = fs.fstatSync(fd).ino === inode;
    steps.push(isFolder ? 'sync of the folder' : 'sync of a file');
    if (isFolder && fault) throw Object.assign(new Error(fault), { code: fault, syscall: 'fsync' });
    fsyncSync(fd);
  };
  fs.renameSync = (from, to) => {
    steps.push('rename');
    renameSync(from, to);
  };
  fs.linkSync = (from, to) => {
    steps.push('link');
    linkSync(from, to);
  };
  syncBuiltinESMExports();
  try {
    return { ...(await tokenBroker(args)), steps };
  } finally {
    Object.assign(fs, { fsyncSync, renameSync, linkSync });
    syncBuiltinESMExports();
  }
}

const generate = (out: string, ...options: string[]) => ['keys', 'generate', '--out', out, ...options];

describe('token-broker keys generate', () => {
  test('creates a key ring that only its owner can read, and shows ids but no key', async () => {
    const out = join(emptyFolder(), 'ring.json');
    const { code, stdout, stderr } = await tokenBroker(generate(out));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(modeOf(out)).toBe('600');
    expect(stdout).toContain(readKeyRing(out).sealingKeyId);
    expect(stdout).toContain('KEY_RING_FILE');
    for (const { k } of read(out).keys) expect(stdout).not.toContain(k);
  });

  test('refuses an existing file with exit code 3, and leaves it untouched', async () => {
    const out = join(emptyFolder(), 'ring.json');
    await tokenBroker(generate(out));
    const before = readFileSync(out, 'utf8');
    const { code, failure } = await asJson(generate(out));
    expect(code).toBe(3);
    expect(failure).toMatchObject({ error: 'key_ring_exists', message: expect.stringContaining('--add') });
    expect(readFileSync(out, 'utf8')).toBe(before);
  });

  test('puts a new key in front of the old ones with --add, and leaves nothing else behind', async () => {
    const out = join(emptyFolder(), 'ring.json');
    const first = await asJson(generate(out));
    expect(first.output).toEqual({
      file: realpathSync(out),
      sealing_key_id: sealingIds(out)[0],
      seals_from: null,
      older_key_ids: [],
      added: false,
    });
    const old = read(out).keys;
    chmodSync(out, 0o644);
    const { code, output } = await asJson(generate(out, '--add'));
    expect(code).toBe(0);
    expect(output).toMatchObject({
      older_key_ids: [old[0]?.kid],
      added: true,
      sealing_key_id: sealingIds(out)[0],
    });
    expect(read(out).keys.slice(1)).toEqual(old);
    expect(readKeyRing(out).waitingKeys).toEqual([
      { id: sealingIds(out)[0], sealsFrom: new Date(String(output?.['seals_from'])) },
    ]);
    expect(readKeyRing(out).sealingKeyId).toBe(old[0]?.kid);
    expect(modeOf(out)).toBe('640');
    expect(readdirSync(dirname(out))).toEqual(['ring.json']);
    const { stdout } = await tokenBroker(generate(out, '--add', '--now'));
    expect(stdout).toContain('token-broker keys reseal');
    expect(stdout).not.toContain('It seals from');
    expect(readKeyRing(out)).toMatchObject({ sealingKeyId: sealingIds(out)[0], waitingKeys: [] });
    for (let keys = 0; keys < 2; keys++) await tokenBroker(generate(out, '--add'));
    const waiting = readKeyRing(out).waitingKeys.map(({ id }) => id);
    expect(waiting).toEqual(sealingIds(out).slice(0, 2));
    expect((await asJson(generate(join(dirname(out), 'new.json'), '--now'))).code).toBe(2);
    for (const { k } of read(out).keys) expect(stdout).not.toContain(k);
  });

  test('goes through a symbolic link with --add, and keeps it', async () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, 'real'));
    const real = join(folder, 'real', 'ring.json');
    await tokenBroker(generate(real));
    symlinkSync(real, join(folder, 'link.json'));
    expect((await tokenBroker(generate(join(folder, 'link.json'), '--add'))).code).toBe(0);
    expect(sealingIds(real)).toHaveLength(2);
    expect(realpathSync(join(folder, 'link.json'))).toBe(realpathSync(real));
  });

  test('and each other command that writes a file end once the file and then its folder are on the disk', async () => {
    const folder = emptyFolder();
    const out = join(folder, 'ring.json');
    const key = join(folder, 'reports.key');
    writeFileSync(key, 'tbk_x', { mode: 0o600 });
    const to = ['--user', 'alice', '--broker', 'https://broker.example.com', '--key-file', key];
    const credentials = ['credentials-file', '--for', 'external_account', ...to, '--output'];
    for (const [args, placed] of [
      [generate(out), []],
      [generate(out, '--add'), ['sync of a file', 'rename']],
      [[...credentials, join(folder, 'credentials.json')], ['link']],
      [[...credentials, join(folder, 'credentials.json'), '--force'], ['rename']],
    ] as const) {
      const { steps, code, stderr } = await diskSteps(folder, [...args]);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      expect(steps).toEqual(['sync of a file', ...placed, 'sync of the folder']);
    }
  });

  test('says that the disk failed where the folder cannot be synced, and goes on where its file system does not do that', async () => {
    const folder = emptyFolder();
    const { code } = await diskSteps(folder, generate(join(folder, 'one.json')), 'EINVAL');
    expect(code).toBe(0);
    const failed = await diskSteps(folder, generate(join(folder, 'two.json')), 'EIO');
    expect(failed.code).toBe(3);
    expect(failed.stderr).toContain('two.json was written');
    expect(sealingIds(join(folder, 'two.json'))).toHaveLength(1);
  });

  exhaustive.test('loses neither key of two runs of --add at the same time', async () => {
    const out = join(emptyFolder(), 'ring.json');
    await tokenBroker(generate(out));
    const runs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { code, stdout, stderr } = await startTokenBroker([...generate(out, '--add'), '--json'])
          .finished;
        return { code, result: JSON.parse(code === 0 ? stdout : stderr) as Record<string, unknown> };
      }),
    );
    const added = runs.filter(({ code }) => code === 0).map(({ result }) => result['sealing_key_id']);
    expect(
      runs.filter(({ code }) => code !== 0).every(({ result }) => result['error'] === 'key_ring_busy'),
    ).toBe(true);
    expect(sealingIds(out)).toHaveLength(1 + added.length);
    expect(sealingIds(out)).toEqual(expect.arrayContaining(added));
  });

  test('does not overwrite an addition in progress, or an interrupted one, and exits with 3', async () => {
    const out = join(emptyFolder(), 'ring.json');
    await tokenBroker(generate(out));
    const before = readFileSync(out, 'utf8');
    writeFileSync(`${out}.new`, '');
    const { code, failure } = await asJson(generate(out, '--add'));
    expect({ code, error: failure?.['error'] }).toEqual({ code: 3, error: 'key_ring_busy' });
    expect(readFileSync(out, 'utf8')).toBe(before);
  });

  test('exits with 4 for --add without a key ring, or without its folder', async () => {
    const missing = await asJson(generate(join(emptyFolder(), 'ring.json'), '--add'));
    expect([missing.code, missing.failure?.['error']]).toEqual([4, 'key_ring_not_found']);
    const nowhere = await asJson(generate('/nowhere/ring.json'));
    expect([nowhere.code, nowhere.failure?.['error']]).toEqual([4, 'folder_not_found']);
  });

  test('exits with 78 for --add to a file that is no key ring, and leaves it untouched', async () => {
    const out = join(emptyFolder(), 'ring.json');
    writeFileSync(out, '{"keys":[]}');
    const { code, failure } = await asJson(generate(out, '--add'));
    expect({ code, error: failure?.['error'] }).toEqual({ code: 78, error: 'key_ring_faulty' });
    expect(readFileSync(out, 'utf8')).toBe('{"keys":[]}');
    expect(existsSync(`${out}.new`)).toBe(false);
  });
});

describe('token-broker keys reseal', () => {
  let bed: TestBed;
  let ring: string;
  beforeAll(async () => {
    bed = await startTestBed();
    ring = bed.settings['KEY_RING_FILE'] ?? '';
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
  });
  afterAll(() => bed.stop());

  const tokenOf = async (user: string) =>
    (await bed.api.token(user, { scope: YOUTUBE })).body['access_token'];
  const reseal = () => asJson(['keys', 'reseal'], bed.settings);

  test('completes a rotation in which a key is added, rows are resealed and the old key removed, and tokens are still served', async () => {
    const oldId = readKeyRing(ring).sealingKeyId;
    const token = await tokenOf('alice');
    await tokenBroker(generate(ring, '--add', '--now'));
    const newId = readKeyRing(ring).sealingKeyId;
    await bed.restart();

    const { code, output } = await reseal();
    expect(code).toBe(0);
    expect(output).toEqual({
      newest_key_id: newId,
      columns: [
        { column: 'grants.sealed_refresh_token', resealed: 2, newest: 0, changed: 0, unopened: 0 },
        { column: 'grants.sealed_key', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'access_tokens.sealed_token', resealed: 2, newest: 0, changed: 0, unopened: 0 },
        { column: 'revocations.sealed_token', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'connect_tickets.sealed_request', resealed: 2, newest: 0, changed: 0, unopened: 0 },
        { column: 'authorization_requests.sealed_verifier', resealed: 2, newest: 0, changed: 0, unopened: 0 },
        { column: 'pending_consents.sealed_consent', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'pending_exchanges.sealed_exchange', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'webhooks.sealed_secrets', resealed: 0, newest: 0, changed: 0, unopened: 0 },
      ],
      keys_in_use: { [newId]: 8 },
      unused_key_ids: [oldId],
      problems: [],
      adopted_services: [],
      unverified_services: [],
    });

    write(ring, { keys: read(ring).keys.filter(({ kid }) => kid !== oldId) });
    expect(sealingIds(ring)).toEqual([newId]);
    await bed.restart();
    expect(await tokenOf('alice')).toBe(token);
    // The refresh token opens as well: the access token has expired, so it is refreshed.
    bed.clock.advance(3600);
    expect(await tokenOf('alice')).not.toBe(token);
    expect(await tokenOf('bob')).toMatch(/^ya29\./);

    const again = await tokenBroker(['keys', 'reseal'], bed.settings);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('The key ring holds no key that could be removed.');
  });

  test('finds damaged values of the newest key with --verify, as after a restore', async () => {
    const verify = () => asJson(['keys', 'reseal', '--verify'], bed.settings);
    await reseal();
    expect(await verify()).toMatchObject({ code: 0, output: { problems: [] } });
    // The first part, which names the key, stays.
    const [row] = await bed.sql(
      'SELECT id, sealed_refresh_token AS sealed FROM grants ORDER BY id::text LIMIT 1',
    );
    const [header, ...rest] = String(row?.['sealed']).split('.');
    const last = rest.pop() ?? '';
    const sealed = [header, ...rest, last.startsWith('A') ? `B${last.slice(1)}` : `A${last.slice(1)}`].join(
      '.',
    );
    await bed.sql('UPDATE grants SET sealed_refresh_token = $1 WHERE id = $2', [sealed, row?.['id']]);
    expect(await reseal()).toMatchObject({ code: 0 });
    const { code, output } = await verify();
    expect(code).toBe(3);
    const { columns, problems } = output as {
      columns: { column: string; unopened: number }[];
      problems: string[];
    };
    expect(columns[0]).toMatchObject({ column: 'grants.sealed_refresh_token', unopened: 1 });
    expect(problems).toHaveLength(1);
    await bed.sql('UPDATE grants SET sealed_refresh_token = $1 WHERE id = $2', [
      row?.['sealed'],
      row?.['id'],
    ]);
  });

  test('reseals every sealed column of the database', async () => {
    const columns = await bed.sql(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
       WHERE table_schema = 'public' AND column_name LIKE 'sealed%' ORDER BY name`,
    );
    const { output } = await reseal();
    const resealed = (output as { columns: { column: string }[] }).columns.map(({ column }) => column);
    expect(resealed.sort()).toEqual(columns.map(({ name }) => name));
  });

  exhaustive.test(
    'reseals more rows than one batch, and more grants of one moment than a statement looks at, in every column',
    async () => {
      const oldId = readKeyRing(ring).sealingKeyId;
      await tokenBroker(generate(ring, '--add', '--now'));
      // Copies stand in other places than their seal says; they do not open, and each must be met exactly once.
      await bed.sql(`INSERT INTO grants (id, user_id, client, account_sub, status, sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
      SELECT gen_random_uuid(), 'copy-' || n, client, account_sub, status, sealed_refresh_token, now(), now(), now()
      FROM grants, generate_series(1, 5250) AS n WHERE user_id = 'alice'`);
      await bed.sql(`INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
      SELECT user_id, grant_id, 'copy ' || n, sealed_token, now(), now() FROM access_tokens, generate_series(1, 250) AS n`);
      await bed.sql(`INSERT INTO connect_tickets
      SELECT (jsonb_populate_record(t, jsonb_build_object('id', 'copy-' || n || id))).*
      FROM connect_tickets t, generate_series(1, 250) AS n`);
      await bed.sql(`INSERT INTO authorization_requests
      SELECT decode(md5(n || ticket_id), 'hex'), 'copy-' || n || ticket_id, connect_request, purpose, forced_consent, sealed_verifier,
        nonce_hash, browser_hash, created_at, expires_at, consumed_at
      FROM authorization_requests, generate_series(1, 250) AS n`);
      const { code, output } = await reseal();
      expect(code).toBe(3);
      expect(output?.['columns']).toEqual([
        { column: 'grants.sealed_refresh_token', resealed: 2, newest: 0, changed: 0, unopened: 5250 },
        { column: 'grants.sealed_key', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'access_tokens.sealed_token', resealed: 2, newest: 0, changed: 0, unopened: 500 },
        { column: 'revocations.sealed_token', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'connect_tickets.sealed_request', resealed: 2, newest: 0, changed: 0, unopened: 500 },
        {
          column: 'authorization_requests.sealed_verifier',
          resealed: 2,
          newest: 0,
          changed: 0,
          unopened: 500,
        },
        { column: 'pending_consents.sealed_consent', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'pending_exchanges.sealed_exchange', resealed: 0, newest: 0, changed: 0, unopened: 0 },
        { column: 'webhooks.sealed_secrets', resealed: 0, newest: 0, changed: 0, unopened: 0 },
      ]);
      expect(output?.['keys_in_use']).toEqual({ [readKeyRing(ring).sealingKeyId]: 8, [oldId]: 6750 });
      expect(output?.['problems']).toEqual([expect.stringContaining('it was moved')]);
      expect(output?.['unused_key_ids']).toEqual([]);
      await bed.sql(`DELETE FROM access_tokens WHERE scope_set LIKE 'copy%'`);
      await bed.sql(`DELETE FROM grants WHERE user_id LIKE 'copy%'`);
      await bed.sql(`DELETE FROM connect_tickets WHERE id LIKE 'copy%'`);
      await bed.sql(`DELETE FROM authorization_requests WHERE ticket_id LIKE 'copy%'`);
      await bed.restart();
      expect((await reseal()).code).toBe(0);
    },
  );

  exhaustive.test('leaves a value that the broker changes meanwhile as the broker wrote it', async () => {
    await tokenBroker(generate(ring, '--add', '--now'));
    const [before] = await bed.sql(
      `SELECT sealed_refresh_token AS sealed FROM grants WHERE user_id = 'alice'`,
    );
    await bed.sql('BEGIN');
    await bed.sql(`UPDATE grants SET sealed_refresh_token = 'newer' WHERE user_id = 'alice'`);
    const run = reseal();
    // The command has read the old value and now waits for the row that this test has locked.
    await until(async () => (await bed.sql(BLOCKED_SESSIONS))[0]?.['count'] !== 0);
    await bed.sql('COMMIT');
    const { code, output } = await run;
    expect(code).toBe(3);
    expect(output?.['columns']).toContainEqual({
      column: 'grants.sealed_refresh_token',
      resealed: 1,
      newest: 0,
      changed: 1,
      unopened: 0,
    });
    expect(output?.['keys_in_use']).toMatchObject({ '(unreadable)': 1 });
    const [after] = await bed.sql(
      `SELECT sealed_refresh_token AS sealed FROM grants WHERE user_id = 'alice'`,
    );
    expect(after).toEqual({ sealed: 'newer' });
    await bed.sql(`UPDATE grants SET sealed_refresh_token = $1 WHERE user_id = 'alice'`, [
      before?.['sealed'],
    ]);
    expect((await reseal()).code).toBe(0);
  });

  test('leaves a value that the ring cannot open alone, names it, and exits with 3', async () => {
    await tokenBroker(generate(ring, '--add', '--now'));
    const before = await bed.sql('SELECT sealed_refresh_token FROM grants ORDER BY id');
    const another = join(emptyFolder(), 'another.json');
    writeFileSync(another, generateKeyRing(new Date()), { mode: 0o600 });
    const { code, stdout } = await tokenBroker(['keys', 'reseal'], {
      ...bed.settings,
      KEY_RING_FILE: another,
    });
    expect(code).toBe(3);
    expect(stdout).toContain('Problem: The key ring has no key');
    expect(stdout).toContain('Older keys are still in use: do not remove them.');
    expect(await bed.sql('SELECT sealed_refresh_token FROM grants ORDER BY id')).toEqual(before);
  });

  exhaustive.test(
    'names services without a MAC, signs them with --adopt alone, and never signs a changed one',
    async () => {
      const [old, changed] = [await bed.service(), await bed.service()];
      const owner = async (sql: string) => {
        await bed.sql(sql);
      };
      const idOf = ({ key }: { key: string }) => key.split('_')[1] ?? '';
      await owner(`UPDATE services SET mac = NULL WHERE id = '${idOf(old)}'`);
      await owner(`UPDATE services SET audit = true WHERE id = '${idOf(changed)}'`);
      expect((await old.get('/users/alice/grants')).status).toBe(401);
      const { output } = await reseal();
      expect(output?.['unverified_services']).toHaveLength(2);
      expect(output?.['adopted_services']).toEqual([]);
      const listed = await asJson(['service', 'list'], bed.settings);
      const ids = (listed.output as { unverified: { id: string }[] }).unverified.map(({ id }) => id);
      expect(ids.sort()).toEqual([idOf(old), idOf(changed)].sort());
      const adopting = await asJson(['keys', 'reseal', '--adopt'], bed.settings);
      expect(adopting.output?.['adopted_services']).toHaveLength(1);
      expect(adopting.output?.['unverified_services']).toHaveLength(1);
      expect((await old.get('/users/alice/grants')).status).toBe(200);
      expect((await changed.get('/users/alice/grants')).status).toBe(401);
    },
  );

  test('exits with 69 where the database cannot be reached', async () => {
    const env = { ...bed.settings, DATABASE_URL: 'postgresql://broker@127.0.0.1:1/broker' };
    expect((await asJson(['keys', 'reseal'], env)).code).toBe(69);
  });
});
