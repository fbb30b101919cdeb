import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Api } from '../support/api.js';
import { ALICE, createDatabase, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { asJson, emptyDatabase, query, tokenBroker } from './token-broker.js';
import { exhaustive } from '../support/exhaustive.js';

const KEY = /tbk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}/;
const ANYTHING = ['--client', '*', '--scope', '*', '--user', '*'];

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
});
afterAll(() => bed.stop());

describe('token-broker service', () => {
  test('create shows the key once; it works until revoke, and the list never shows it', async () => {
    const created = await tokenBroker(['service', 'create', 'reports', ...ANYTHING], bed.settings);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).toContain('not shown again');
    expect(created.stdout.match(new RegExp(KEY, 'g'))).toHaveLength(1);
    const key = KEY.exec(created.stdout)?.[0] ?? '';
    const service = new Api(bed.url, key);
    expect((await service.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect((await service.token('unknown')).status).toBe(404);

    expect(await tokenBroker(['service', 'revoke', 'reports'], bed.settings)).toEqual({
      code: 0,
      stdout: 'The service reports is revoked. It can no longer call the broker.\n',
      stderr: '',
    });
    expect((await service.token('alice', { scope: YOUTUBE })).status).toBe(401);

    const list = await tokenBroker(['service', 'list', '--wide'], bed.settings);
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toMatch(
      /^ID +NAME +STATE +USED +CALLS 24H +CREATED +PROVEN BY +CLIENTS +USERS +ALSO +SCOPES\n/,
    );
    expect(list.stdout).toMatch(
      / service \S+ +active +\S+ +\d+ +\d{4}-\d\d-\d\d +key +\* +\* +disconnect revoke force +\*\n/,
    );
    expect(list.stdout).toMatch(
      / reports +revoked \d{4}-\d\d-\d\d +\S+ +\d+ +\d{4}-\d\d-\d\d +key +\* +\* +- +\*\n/,
    );
    expect(list.stdout).not.toContain(key.slice(-43));
  });

  test('says the same with --json in create and in list, and the policy holds', async () => {
    const policy = {
      clients: ['default', 'second'],
      scopes: [YOUTUBE, 'openid'],
      users: ['alice', 'team-a:*'],
      audit: true,
      disconnect: false,
      revoke: true,
      force: false,
      import: false,
    };
    const args = ['--client', 'default', '--client', 'second', '--scope', YOUTUBE, '--scope', 'openid'];
    const created = await asJson(
      [
        'service',
        'create',
        'narrow',
        ...args,
        '--user',
        'alice',
        '--user',
        'team-a:*',
        '--allow',
        'audit,revoke',
      ],
      bed.settings,
    );
    expect(created).toEqual({
      code: 0,
      output: { id: expect.any(String), name: 'narrow', key: expect.stringMatching(KEY), policy },
      failure: null,
    });
    const service = new Api(bed.url, String(created.output?.['key']));
    expect((await service.token('team-a:1', { scope: YOUTUBE, client: 'second' })).status).toBe(404);
    expect((await service.token('bob', { scope: YOUTUBE })).status).toBe(403);

    const { output } = await asJson(['service', 'list'], bed.settings);
    const id = created.output?.['id'];
    expect(output?.['services']).toContainEqual({
      id,
      name: 'narrow',
      identity: null,
      policy,
      created_at: expect.stringMatching(/Z$/),
      revoked_at: null,
      last_used_at: null,
      calls_24h: 0,
      credentials: 0,
    });
    expect(JSON.stringify(output)).not.toMatch(/hash|tbk_/i);

    // By its id this time; repeating it is no error.
    const revoked = await asJson(['service', 'revoke', String(id)], bed.settings);
    expect(revoked).toMatchObject({ code: 0, output: { id, name: 'narrow', changed: true } });
    const again = await asJson(['service', 'revoke', 'narrow'], bed.settings);
    expect(again).toEqual({ ...revoked, output: { ...revoked.output, changed: false } });
  });

  test('refuses a name that is taken, with exit code 3', async () => {
    const create = ['service', 'create', 'twice', ...ANYTHING];
    await tokenBroker(create, bed.settings);
    expect(await asJson(create, bed.settings)).toEqual({
      code: 3,
      output: null,
      failure: {
        error: 'name_taken',
        exit_code: 3,
        message: expect.stringMatching(/^A service called twice exists already\. /),
      },
    });
  });

  test('names every fault of a malformed name or policy, creates nothing, and exits with 2', async () => {
    const args = ['service', 'create', '/etc', '--client', '*', '--scope', 'adwords', '--user', 'a\nb'];
    const { code, stdout, stderr } = await tokenBroker(args, bed.settings);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Wrong usage: name: must be .* scopes: must be .* users: must be .*\n$/);
    expect(await bed.sql(`SELECT 1 FROM services WHERE name = '/etc'`)).toEqual([]);
  });

  test('refuses an unknown right with exit code 2, and creates nothing', async () => {
    const args = ['service', 'create', 'mighty', ...ANYTHING, '--allow', 'revoke,everything'];
    const { code, failure } = await asJson(args, bed.settings);
    expect(code).toBe(2);
    expect(failure?.['message']).toContain('everything');
    expect(await bed.sql(`SELECT 1 FROM services WHERE name = 'mighty'`)).toEqual([]);
  });

  test('refuses a star in the middle of a user rule, and takes an escaped one as a star', async () => {
    const args = ['service', 'create', 'starry', '--client', '*', '--scope', '*', '--user'];
    for (const rule of ['a*b', '**', 'a\\b']) {
      expect((await asJson([...args, rule], bed.settings)).code).toBe(2);
    }
  });

  exhaustive.test('lists more services than one batch, the oldest first', async () => {
    await bed.sql(
      `INSERT INTO services (id, name, key_hash, clients, scopes, users, created_at, revoked_at)
       SELECT 'many' || n, 'many ' || n, '\\x00', '{*}', '{*}', '{*}', '2020-01-01', '2020-01-02' FROM generate_series(1, 1100) AS n`,
    );
    // Written past the broker: they count once an operator has adopted them.
    expect((await asJson(['keys', 'reseal', '--adopt'], bed.settings)).code).toBe(0);
    const { output } = await asJson(['service', 'list'], bed.settings);
    const names = (output as { services: { name: string }[] }).services.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('many'))).toHaveLength(1100);
    expect(new Set(names).size).toBe(names.length);
    await bed.sql(`DELETE FROM services WHERE id LIKE 'many%'`);
  });

  test('refuses a client that the broker does not serve with exit code 4, and creates nothing', async () => {
    const args = ['service', 'create', 'typo', '--client', 'defualt', '--scope', '*', '--user', '*'];
    const { code, failure } = await asJson(args, bed.settings);
    expect(code).toBe(4);
    expect(failure).toMatchObject({ error: 'client_not_found', message: expect.stringContaining('defualt') });
    expect(await bed.sql(`SELECT 1 FROM services WHERE name = 'typo'`)).toEqual([]);
  });

  test('exits with 4 where the service to revoke is unknown', async () => {
    expect(await asJson(['service', 'revoke', 'unknown'], bed.settings)).toEqual({
      code: 4,
      output: null,
      failure: {
        error: 'service_not_found',
        exit_code: 4,
        message: expect.stringContaining('no service unknown'),
      },
    });
  });

  test('exits with 69 where the database cannot be reached, without a stack trace or a password', async () => {
    const env = { ...bed.settings, DATABASE_URL: 'postgresql://broker:hunter2@127.0.0.1:1/broker' };
    expect(await asJson(['service', 'list'], env)).toEqual({
      code: 69,
      output: null,
      failure: {
        error: 'database_unavailable',
        exit_code: 69,
        message: expect.stringMatching(/^The database cannot be reached\. [^\n]*$/),
      },
    });
  });

  test('exits with 69 where the database was never migrated, and says what to do', async () => {
    const env = { ...bed.settings, DATABASE_URL: await emptyDatabase() };
    const { code, failure } = await asJson(['service', 'list'], env);
    expect(code).toBe(69);
    expect(failure).toMatchObject({ error: 'database_not_migrated' });
    expect(failure?.['message']).toContain('token-broker migrate');
  });

  test('shows a key that is stored although the event of it cannot be written, and shows the event', async () => {
    const env = { ...bed.settings, DATABASE_URL: await createDatabase() };
    await query(env.DATABASE_URL, 'ALTER TABLE audit_trail DROP COLUMN last_at');
    const { code, stdout, stderr } = await tokenBroker(['service', 'create', 'late', ...ANYTHING], env);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(KEY) });
    expect(stderr).toMatch(/^audit event could not be written: \{.*"action":"service\.create".*\}\n$/);
    const [, key = ''] = /(tbk_\S+)/.exec(stdout) ?? [];
    expect(stderr).not.toContain(key);
  });

  test('exits with 1 and a stack trace after an unexpected fault', async () => {
    const env = { ...bed.settings, DATABASE_URL: await createDatabase() };
    await query(
      env.DATABASE_URL,
      'REVOKE ALL ON services FROM CURRENT_USER; ALTER TABLE services ALTER name TYPE text[] USING ARRAY[name]',
    );
    await query(
      env.DATABASE_URL,
      `INSERT INTO services (id, name, clients, scopes, users, created_at) VALUES ('x', ARRAY['x'], '{}', '{}', '{}', now())`,
    );
    const { code, stdout, stderr } = await tokenBroker(['service', 'list'], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^This should not have happened\./);
    expect(stderr).toMatch(/^ {4}at /m);
  });
});
