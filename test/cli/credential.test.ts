import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { redeem } from '../support/token-endpoint.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { asJson, tokenBroker } from './token-broker.js';

const HANDLE = /tbc_[a-z0-9]{12}_[A-Za-z0-9_-]{43}/;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  const policy = ['--client', 'default', '--scope', YOUTUBE, '--user', 'alice'];
  await tokenBroker(['service', 'create', 'reports', ...policy], bed.settings);
});
afterAll(() => bed.stop());

const run = (...args: string[]) => tokenBroker(['credential', ...args], bed.settings);

describe('token-broker credential', () => {
  test('create shows the handle once; it works until revoke, and the list never shows it', async () => {
    const created = await run('create', '--service', 'reports', '--user', 'alice');
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const [handle = ''] = HANDLE.exec(created.stdout) ?? [];
    const id = handle.split('_')[1] ?? '';
    expect(created.stdout.split(handle)).toHaveLength(2);
    expect((await redeem(bed.url, handle)).status).toBe(200);

    const list = await run('list', '--service', 'reports', '--user', 'alice');
    expect(list.stdout).toMatch(/^ID +SERVICE +STATE +EXPIRES +USED +CLIENT +USER +SCOPES\n/);
    expect(list.stdout).toMatch(
      new RegExp(`${id} +reports +active +\\d{4}-\\d\\d-\\d\\d +\\S+ +- +alice +-\n`),
    );
    expect(list.stdout).not.toContain(handle.slice(-43));

    expect(await run('revoke', id)).toEqual({
      code: 0,
      stdout: `The credential ${id} is revoked. Its holder gets no more tokens.\n`,
      stderr: '',
    });
    // The broker is another process: it is notified.
    await bed.sql('SELECT 1');
    expect((await redeem(bed.url, handle)).status).toBe(400);
    expect((await run('revoke', id)).stdout).toContain('revoked before');
  });

  test('says the same with --json, with every option', async () => {
    const args = ['--client', 'default', '--account', ALICE.sub, '--scope', YOUTUBE, '--expires', '12h'];
    const { output } = await asJson(
      ['credential', 'create', '--service', 'reports', '--user', 'alice', ...args],
      bed.settings,
    );
    expect(output).toMatchObject({
      service: 'reports',
      user_id: 'alice',
      credential: expect.stringMatching(HANDLE),
    });
    const left = new Date(String(output?.['expires_at'])).getTime() - Date.now();
    expect(left).toBeGreaterThan(11.9 * 3600_000);
    expect(left).toBeLessThanOrEqual(12 * 3600_000);
    const listed = await asJson(['credential', 'list', '--limit', '1'], bed.settings);
    expect(listed.output).toMatchObject({
      credentials: [
        {
          id: output?.['id'],
          state: 'active',
          service: 'reports',
          client: 'default',
          account: ALICE.sub,
          scopes: [YOUTUBE],
        },
      ],
      has_more: true,
    });
  });

  test.each([
    ['an unknown service', ['--service', 'unknown', '--user', 'alice'], 4],
    ['a user outside the policy', ['--service', 'reports', '--user', 'bob'], 3],
    ['a client outside the policy', ['--service', 'reports', '--user', 'alice', '--client', 'second'], 3],
    ['a malformed scope', ['--service', 'reports', '--user', 'alice', '--scope', 'x'], 2],
    ['a malformed time', ['--service', 'reports', '--user', 'alice', '--expires', '90'], 2],
    ['no user', ['--service', 'reports'], 2],
  ])('create refuses %s', async (_, args, code) => {
    const refused = await run('create', ...args);
    expect(refused).toMatchObject({ code, stdout: '' });
    expect(refused.stderr).not.toBe('');
  });

  test('list shows a row that was changed in the database, and nothing that a terminal obeys', async () => {
    await run('create', '--service', 'reports', '--user', 'alice', '--expires', '1h');
    await bed.sql(
      `UPDATE delegated_credentials SET user_id = E'eve\\n\\u001b[2J\\u009b1A'
         WHERE id = (SELECT id FROM delegated_credentials ORDER BY created_at DESC LIMIT 1)`,
    );
    const { stdout } = await run('list', '--limit', '1', '--wide');
    expect(stdout).toMatch(/^\S+ +reports +NOT VERIFIED .* eve\ufffd\ufffd\[2J\ufffd1A +-$/m);
  });

  test('revoke and list say what there is not', async () => {
    expect((await run('revoke', 'aaaaaaaaaaaa')).code).toBe(4);
    expect((await run('list', '--service', 'unknown')).code).toBe(4);
    expect((await run('list', '--user', 'bob')).stdout).toContain('There are no such credentials');
  });

  test('records what the operator did in the audit trail', async () => {
    await bed.app.get(AuditLog).flush();
    const events = await bed.sql(
      `SELECT DISTINCT action, user_id FROM audit_trail WHERE actor = 'operator' AND action LIKE 'credential.%' ORDER BY 1`,
    );
    expect(events).toEqual([
      { action: 'credential.create', user_id: 'alice' },
      { action: 'credential.revoke', user_id: 'alice' },
    ]);
  });
});
