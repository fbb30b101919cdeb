/** What an operator does on the database: grants, users, webhooks and the audit trail, as text, JSON and CSV. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServiceUsageJob } from '../../src/operations/service-usage.job.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Browser } from '../support/api.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';

let bed: TestBed;
let receiver: Receiver;
beforeAll(async () => {
  // A command has the time of the machine, not that of the bed.
  receiver = await startReceiver(() => new Date());
  bed = await startTestBed();
  await bed.webhook({ name: 'app', url: receiver.url, secret: receiver.secret });
});
beforeEach(async () => {
  bed.google.control.reset();
  // Events are written behind: none of the test before comes late.
  await bed.app.get(AuditLog).flush();
  await bed.reset();
  receiver.clear();
});
afterAll(async () => {
  await bed.stop();
  await receiver.close();
});

const run = (...args: string[]) => tokenBroker(args, bed.settings);
const json = async (...args: string[]) => {
  const { code, output, failure } = await asJson(args, bed.settings);
  return { code, output: output ?? {}, failure };
};
const connect = (user_id: string, account: { email: string } = ALICE, client = 'default') =>
  bed.api.connect({ user_id, scope: YOUTUBE, client, another_account: true }, { account: account.email });
const idOf = async (userId: string) => {
  const [row] = await bed.sql('SELECT id FROM grants WHERE user_id = $1', [userId]);
  return String(row?.['id']);
};
const list = (output: Record<string, unknown>, name: string) => output[name] as Record<string, unknown>[];
const longest = (text: string) => Math.max(...text.split('\n').map((line) => Array.from(line).length));
const audited = (action: string) =>
  bed.sql('SELECT actor, outcome, user_id, details FROM audit_trail WHERE action = $1 ORDER BY sequence', [
    action,
  ]);
const delivered = () =>
  until(async () => (await bed.sql('SELECT 1 FROM outbox_events WHERE delivered_at IS NULL')).length === 0);

// First: later tests move the clock of the bed, and a command has the time of the machine.
describe('token-broker ticket', () => {
  test('makes a link as a service, and shows how far it is and how it ended', async () => {
    const [service] = await bed.sql('SELECT name FROM services WHERE id = $1', [bed.api.key.split('_')[1]]);
    const as = ['ticket', 'create', '--service', String(service?.['name']), '--scope', YOUTUBE];
    const { code, output } = await json(...as, '--user', 'alice');
    expect(code).toBe(0);
    const id = String(output['id']);
    expect((await json('ticket', 'show', id)).output).toMatchObject({ state: 'created', user_id: 'alice' });
    await new Browser().connect(String(output['connect_url']), { account: ALICE.email });
    const { stdout } = await run('ticket', 'show', id);
    expect(stdout).toMatch(/^Ticket \S+\n {2}state +success\n/);
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(await audited('connect.ticket')).toMatchObject([{ actor: 'operator', user_id: 'alice' }]);
  });

  exhaustive.test(
    'makes a link with reasons beside the scopes, and one that gives back what was granted before',
    async () => {
      const [service] = await bed.sql('SELECT name FROM services WHERE id = $1', [bed.api.key.split('_')[1]]);
      const as = ['ticket', 'create', '--service', String(service?.['name']), '--user', 'reasonable'];
      const link = async (...args: string[]) => String((await json(...as, ...args)).output['connect_url']);
      const both = await link('--scope', YOUTUBE, '--scope', ADS, '--reason', `${YOUTUBE}=Views = reach.`);
      expect((await new Browser().open(both)).text).toContain('Views = reach.');
      await new Browser().connect(both, { account: ALICE.email });
      const fewer = await link('--scope', YOUTUBE, '--no-include-granted-scopes', '--prompt', 'consent');
      await new Browser().connect(fewer, { account: ALICE.email });
      const { body } = await bed.api.token('reasonable');
      expect(String(body['scope']).split(' ')).toContain(YOUTUBE);
      expect(String(body['scope']).split(' ')).not.toContain(ADS);
      for (const wrong of [
        ['--reason', 'openid'],
        ['--reason', `${ADS}=Not asked for.`],
        ['--manage', '--reason', 'openid=x'],
      ])
        expect(
          await json(...as, ...(wrong.includes('--manage') ? [] : ['--scope', YOUTUBE]), ...wrong),
        ).toMatchObject({ code: 2 });
      expect(await json(...as, '--manage', '--no-include-granted-scopes')).toMatchObject({ code: 2 });
    },
  );

  test('makes a link to the page of a user, which takes nothing of a connect', async () => {
    const [service] = await bed.sql('SELECT name FROM services WHERE id = $1', [bed.api.key.split('_')[1]]);
    const as = ['ticket', 'create', '--service', String(service?.['name']), '--user', 'alice'];
    const { code, output } = await json(...as, '--manage');
    expect(code).toBe(0);
    expect((await new Browser().open(String(output['connect_url']))).text).toContain('Show my connections');
    const { stdout } = await run('ticket', 'show', String(output['id']));
    expect(stdout).toMatch(/purpose +manage\n/);
    expect((await audited('connect.ticket')).at(-1)).toMatchObject({
      actor: 'operator',
      details: { purpose: 'manage', ticket: output['id'] },
    });
    for (const wrong of [['--manage', '--scope', YOUTUBE], []]) {
      expect(await json(...as, ...wrong)).toMatchObject({ code: 2 });
    }
  });

  test('refuses a service that there is not, a malformed user and a ticket that there is not', async () => {
    const rest = ['--user', 'alice', '--scope', YOUTUBE];
    expect(await json('ticket', 'create', '--service', 'unknown', ...rest)).toMatchObject({ code: 4 });
    const wrong = ['--service', 'unknown', '--user', 'a\nb', '--scope', YOUTUBE];
    expect(await json('ticket', 'create', ...wrong)).toMatchObject({ code: 2 });
    expect(await json('ticket', 'show', 'unknown')).toMatchObject({
      code: 4,
      failure: { error: 'ticket_not_found' },
    });
  });
});

describe('token-broker grant list', () => {
  beforeEach(async () => {
    await connect('alice');
    await connect('bob', BOB, 'elsewhere');
    await bed.sql(
      `UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, credential_version = NULL,
         diagnosis = '{"cause": "user_revoked", "confidence": "inferred", "who_must_act": "user", "detail": "x"}'
       WHERE user_id = 'bob'`,
    );
  });

  test.each(
    fewOf(
      [
        [['--user', 'alice'], ['alice']],
        [['--user', 'Alice'], []],
        [['--email', ALICE.email.toUpperCase()], ['alice']],
        [['--sub', BOB.sub], ['bob']],
        [['--status', 'active'], ['alice']],
        [['--status', 'reconnect_required', '--client', 'elsewhere'], ['bob']],
        [['--client', 'second'], []],
        [['--expiring-within', '365d'], ['alice']],
        [['--expiring-within', '1h'], []],
        [[], ['bob', 'alice']],
      ],
      3,
    ),
  )('finds by %j the grants of %j', async (args, users) => {
    const { code, output } = await json('grant', 'list', ...args);
    expect(code).toBe(0);
    expect(list(output, 'grants').map(({ user_id }) => user_id)).toEqual(users);
  });

  exhaustive.test('fits a terminal of 80 columns with whole ids, and --wide shows all', async () => {
    const { stdout } = await run('grant', 'list');
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toContain(await idOf('alice'));
    const wide = (await run('grant', 'list', '--wide')).stdout;
    expect(wide).toMatch(/^GRANT +STATUS +USER +ACCOUNT +CLIENT +EXPIRES +CAUSE\n/);
    expect(wide).toMatch(/ reconnect_required +bob +bob@gmail\.test +elsewhere +- +user_revoked\n/);
    const wider = await tokenBroker(['grant', 'list'], { ...bed.settings, COLUMNS: '200' });
    expect(wider.stdout).toBe(wide);
  });

  exhaustive.test('says that there are more than --limit', async () => {
    expect((await json('grant', 'list', '--limit', '1')).output).toMatchObject({ has_more: true });
    expect((await run('grant', 'list', '--limit', '1')).stdout).toContain('There are more');
    expect((await json('grant', 'list', '--limit', '2')).output).toMatchObject({ has_more: false });
  });

  test('refuses filters that do not go together, and words that are no filter', async () => {
    expect(await run('grant', 'list', '--expiring-within', '7d', '--user', 'x')).toMatchObject({ code: 2 });
    expect(await run('grant', 'list', '--status', 'dead')).toMatchObject({ code: 2 });
    expect(await run('grant', 'list', '--expiring-within', 'soon')).toMatchObject({ code: 2 });
    expect(await run('grant', 'list', '--limit', '0')).toMatchObject({ code: 2 });
  });
});

describe('token-broker grant show', () => {
  test('shows a grant with its slots, which one is evicted next, and what happened', async () => {
    await connect('alice');
    await connect('bob', ALICE);
    const id = await idOf('bob');
    await until(async () => (await audited('connect.consent')).length === 2);
    const { code, stdout } = await run('grant', 'show', id);
    expect(code).toBe(0);
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toContain(`Grant ${id}\n  user          bob\n`);
    expect(stdout).toMatch(/slots +2 of 100 taken, 98 free\n +evicted next +that of grant/);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`that of grant ${await idOf('alice')} of user alice`);
    expect(stdout).toMatch(/Timeline\n {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}connect\.consent ok, by user/);
    const { output } = await json('grant', 'show', id);
    expect(output).toMatchObject({ grant: { id, status: 'active' }, slots: { used: 2 }, has_more: false });
    const tokens = (output['slots'] as { tokens: unknown[] }).tokens;
    expect(tokens).toMatchObject([{ user_id: 'alice' }, { user_id: 'bob', grant_id: id }]);
  });

  exhaustive.test('shows why a grant died, and when', async () => {
    await connect('alice');
    const id = await idOf('alice');
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(4000);
    expect((await bed.api.token('alice')).status).toBe(410);
    await until(async () => (await audited('token.refresh')).length > 0);
    const { stdout } = await run('grant', 'show', id);
    expect(stdout).toMatch(/cause +user_revoked \(inferred\)\. /);
    expect(stdout).toMatch(/token\.refresh grant_dead, by google/);
  });

  exhaustive.test(
    'shows what the audit trail has of one that was disconnected, and exits with 4 for no grant',
    async () => {
      await connect('alice');
      const id = await idOf('alice');
      await bed.api.delete(`/grants/${id}`, { mode: 'local' });
      await until(async () => (await audited('grant.disconnect')).length > 0);
      const { stdout } = await run('grant', 'show', id);
      expect(stdout).toContain('This grant was disconnected.');
      expect(stdout).toContain('grant.disconnect ok');
      const other = '0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11';
      for (const unknown of [other, 'alice', "' OR true --"]) {
        expect(await json('grant', 'show', unknown)).toMatchObject({
          code: 4,
          failure: { error: 'grant_not_found' },
        });
      }
    },
  );
});

describe('token-broker grant disconnect', () => {
  exhaustive.test('shows first which grants end with it, and does it with --yes', async () => {
    await connect('alice');
    await connect('bob', ALICE, 'second');
    const id = await idOf('alice');
    const shown = await run('grant', 'disconnect', id);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain(`${id}  will be revoked`);
    expect(shown.stdout).toContain('Google ends 1 other grant(s) with it:');
    expect(shown.stdout).toContain('Nothing was changed.');
    expect(longest(shown.stdout)).toBeLessThanOrEqual(80);
    expect(bed.google.control.count('revoke')).toBe(0);
    const { code, output } = await json('grant', 'disconnect', id, '--yes');
    expect(code).toBe(0);
    expect(output).toMatchObject({ dry_run: false, complete: true, grants: [{ id, outcome: 'revoked' }] });
    expect(output['also_revoked']).toMatchObject([{ user_id: 'bob', client: 'second' }]);
    expect((await bed.api.token('alice')).status).toBe(404);
    expect((await bed.api.token('bob', { client: 'second' })).status).toBe(410);
    expect(await audited('grant.disconnect')).toMatchObject([
      { actor: 'operator', user_id: 'bob' },
      { actor: 'operator', user_id: 'alice', details: { mode: 'revoke', also_revoked: 1 } },
    ]);
    expect((await json('grant', 'disconnect', id)).code).toBe(4);
  });

  exhaustive.test('exits with 69 while Google does not answer, and the broker goes on', async () => {
    await connect('alice');
    const id = await idOf('alice');
    bed.google.control.failAlways('revoke', { status: 503, body: {} });
    const { code, stdout } = await run('grant', 'disconnect', id, '--yes');
    expect(code).toBe(69);
    expect(stdout).toContain('retrying at Google');
    bed.google.control.clearFaults();
    await bed.sql('UPDATE revocations SET next_attempt_at = now()');
    await until(async () => (await bed.sql('SELECT 1 FROM grants')).length === 0);
  });

  test('deletes here only with --local', async () => {
    await connect('alice');
    const { output } = await json('grant', 'disconnect', await idOf('alice'), '--local', '--yes');
    expect(output).toMatchObject({ mode: 'local', grants: [{ outcome: 'deleted' }] });
    expect(bed.google.control.count('revoke')).toBe(0);
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
  });
});

describe('token-broker user offboard', () => {
  // What is under way to the receiver would take the answer that the next test gives it.
  afterAll(delivered);

  test('shows the effects first, and ends everything with --yes', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    const shown = await run('user', 'offboard', 'alice');
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('1 delegated credential(s) for this user will be revoked.');
    expect(shown.stdout.match(/will be revoked {2}/g)).toHaveLength(2);
    expect(await bed.sql('SELECT 1 FROM grants')).toHaveLength(2);
    const { code, output } = await json('user', 'offboard', 'alice', '--yes');
    expect(code).toBe(0);
    expect(output).toMatchObject({ user_id: 'alice', complete: true, credentials_revoked: 1 });
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    expect(await audited('user.offboard')).toMatchObject([
      { actor: 'operator', outcome: 'ok', user_id: 'alice', details: { mode: 'revoke', grants: 2 } },
    ]);
    const again = await run('user', 'offboard', 'alice', '--yes');
    expect(again).toMatchObject({ code: 0, stdout: 'The broker holds nothing for the user alice.\n' });
    await bed.sql('DELETE FROM delegated_credentials');
  });

  test('says where there is more than one run ends, and ends that with the next', async () => {
    await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    const [row = {}] = await bed.sql('SELECT * FROM delegated_credentials');
    const columns = Object.keys(row).filter((column) => column !== 'id');
    await bed.sql(`INSERT INTO delegated_credentials (id, ${columns.join(', ')})
      SELECT 'aaaaaaaa' || lpad(n::text, 4, '2'), ${columns.join(', ')}
      FROM delegated_credentials, generate_series(2222, 3221) AS n`);
    const shown = await run('user', 'offboard', 'alice');
    expect(shown.stdout).toContain('There is more, which needs several runs.');
    const first = await run('user', 'offboard', 'alice', '--yes');
    expect(first.code).toBe(69);
    expect(first.stdout).toContain('1000 delegated credential(s) for this user were revoked.');
    expect(first.stdout).toContain('There is more: run it again.');
    const second = await run('user', 'offboard', 'alice', '--yes');
    expect(second).toMatchObject({
      code: 0,
      stdout: '1 delegated credential(s) for this user were revoked.\n',
    });
    await bed.sql('DELETE FROM delegated_credentials');
  });
});

describe('token-broker webhook', () => {
  test('lists events with attempts and errors, and replays one and a range under the same id', async () => {
    receiver.respondWith(410);
    await connect('alice');
    await connect('bob', BOB);
    const waiting = 'SELECT 1 FROM outbox_events WHERE abandoned_at IS NULL AND delivered_at IS NULL';
    await until(async () => (await bed.sql(waiting)).length === 0);
    const { output } = await json('webhook', 'events', '--state', 'abandoned');
    const [abandoned, ...others] = list(output, 'events');
    expect(others).toEqual([]);
    expect(abandoned).toMatchObject({
      webhook: 'app',
      type: 'grant.connected',
      state: 'abandoned',
      user_id: 'alice',
      attempts: 1,
      last_error: 'http_410',
      next_attempt_at: null,
    });
    const id = String(abandoned?.['id']);
    const { stdout } = await run('webhook', 'events');
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(new RegExp(`^${id} +abandoned +1 +http_410`, 'm'));
    receiver.clear();
    expect((await json('webhook', 'replay', id)).output).toEqual({ replayed: 1 });
    await delivered();
    expect(receiver.received.map((event) => event.id)).toEqual([id]);
    receiver.clear();
    const range = ['--type', 'grant.connected', '--since', '1h'];
    expect((await json('webhook', 'replay', ...range)).output).toEqual({ replayed: 2 });
    await receiver.wait(2);
    await delivered();
    expect(await json('webhook', 'replay', '--until', '2020-01-01')).toMatchObject({
      output: { replayed: 0 },
    });
    expect(await audited('webhook.replay')).toMatchObject([
      { actor: 'operator', details: { event: id } },
      { details: { events: 2, type: 'grant.connected' } },
      { details: { events: 0 } },
    ]);
    expect(await json('webhook', 'replay', 'msg_unknown')).toMatchObject({ code: 4 });
    await run('webhook', 'disable', 'app');
    expect(await json('webhook', 'replay', id)).toMatchObject({ code: 3 });
    expect((await json('webhook', 'replay', ...range)).output).toEqual({ replayed: 0 });
    await run('webhook', 'enable', 'app');
    expect(await json('webhook', 'replay')).toMatchObject({ code: 2 });
  });

  test('sends a signed test event, and says what the receiver answers', async () => {
    const { code, output } = await json('webhook', 'test');
    expect(code).toBe(0);
    expect(output).toMatchObject({ type: 'webhook.test', result: 'accepted', error: null });
    const [received] = await receiver.wait(1);
    expect(received).toMatchObject({ type: 'webhook.test', data: { sent_by: 'operator' }, isSigned: true });
    receiver.respondWith(503);
    const refused = await run('webhook', 'test');
    expect(refused).toMatchObject({ code: 69, stdout: expect.stringContaining('http_503') });
    expect(await json('webhook', 'test', 'unknown')).toMatchObject({ code: 4 });
  });
});

describe('a webhook on the command line', () => {
  test('is changed though a service of its filter was revoked, which can be taken out and not put back', async () => {
    for (const service of ['leaving', 'staying'])
      await run('service', 'create', service, '--client', '*', '--scope', '*', '--user', '*');
    const address = ['--url', 'https://hooks.example.com/in'];
    const both = ['--service', 'leaving', '--service', 'staying'];
    expect(await run('webhook', 'create', 'filtered', ...address, ...both)).toMatchObject({ code: 0 });
    expect(await run('service', 'revoke', 'leaving')).toMatchObject({ code: 0 });
    const update = (...options: string[]) => run('webhook', 'update', 'filtered', ...options);
    expect(await update('--event', 'grant.expiring')).toMatchObject({ code: 0, stderr: '' });
    expect(await update(...both)).toMatchObject({ code: 0 });
    expect(await update('--service', 'staying')).toMatchObject({ code: 0 });
    expect(await update(...both)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('leaving is none'),
    });
    await run('webhook', 'delete', 'filtered');
  });

  test.each([
    ['update', 'app'],
    ['create', 'other', '--url', 'https://hooks.example.com/in'],
  ])('is not given a star beside another filter by %s', async (...command) => {
    expect(await run('webhook', ...command, '--event', '*', '--event', 'grant.expiring')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'Wrong usage: * stands alone.\n',
    });
  });

  const named = async (name: string) =>
    list((await json('webhook', 'list')).output, 'webhooks').find((each) => each['name'] === name);

  test('is created, listed, changed, rotated, disabled, enabled and deleted', async () => {
    await run('service', 'create', 'reports', '--client', '*', '--scope', '*', '--user', '*');
    const url = 'https://hooks.example.com/in';
    const filters = ['--event', 'grant.expiring', '--service', 'reports'];
    const { code, output } = await json('webhook', 'create', 'second', '--url', url, ...filters);
    expect(code).toBe(0);
    expect(output).toMatchObject({
      name: 'second',
      url,
      events: ['grant.expiring'],
      services: ['reports'],
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
    expect(await named('second')).toMatchObject({ verified: true, disabled_at: null, failing_since: null });
    const { stdout } = await run('webhook', 'list');
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^second +enabled +https:/m);
    expect(stdout).not.toContain('whsec_');

    expect((await json('webhook', 'update', 'second', '--event', '*')).output).toMatchObject({
      changed: true,
    });
    expect(await named('second')).toMatchObject({ events: [], services: ['reports'], url });
    const rotated = (await json('webhook', 'rotate', 'second', '--overlap', '7d')).output;
    expect(rotated).toMatchObject({
      secret: expect.stringMatching(/^whsec_/),
      overlap_until: expect.any(String),
    });
    expect(rotated['secret']).not.toBe(output['secret']);
    expect((await json('webhook', 'disable', 'second')).output).toMatchObject({ changed: true });
    expect((await json('webhook', 'disable', 'second')).output).toMatchObject({ changed: false });
    expect(await named('second')).toMatchObject({ disabled_reason: 'operator' });
    expect((await json('webhook', 'enable', 'second')).output).toMatchObject({
      disabled_at: null,
      changed: true,
    });
    expect(await json('webhook', 'delete', 'second')).toMatchObject({ code: 0 });
    expect(await named('second')).toBeUndefined();
    expect((await audited('webhook.create')).at(-1)).toMatchObject({
      actor: 'operator',
      details: { webhook: 'second', url: 'https://hooks.example.com' },
    });
  });

  test.each(
    fewOf(
      [
        ['a name that is taken', 3, ['create', 'app', '--url', 'https://x.example']],
        ['an address that is none', 2, ['create', 'x', '--url', 'x.example']],
        ['an event that there is not', 2, ['create', 'x', '--url', 'https://x.example', '--event', 'x']],
        ['nothing to change', 2, ['update', 'app']],
        ['a webhook that there is not', 4, ['rotate', 'unknown']],
        ['a secret that is none', 2, ['rotate', 'app', '--secret-file', 'package.json']],
      ],
      2,
    ),
  )('is refused with %s', async (_, code, args) => {
    const { stderr, ...refused } = await tokenBroker(['webhook', ...args], bed.settings, process.cwd());
    expect(refused).toMatchObject({ code, stdout: '' });
    expect(stderr).not.toBe('');
  });
});

describe('token-broker audit', () => {
  const CSV =
    'at,action,outcome,actor,service_id,user_id,client,grant_id,request_id,count,last_at,details,id';
  const insert = (rows: number) =>
    bed.sql(
      `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, user_id, details)
       SELECT gen_random_uuid(), now() - n * interval '1 second', now(), 'connect.ticket', 'ok', 'x', 'u' || n, '{}'
       FROM generate_series(1, $1::int) AS n`,
      [rows],
    );

  exhaustive.test('filters by user, service, action and time', async () => {
    await connect('alice');
    await connect('bob', BOB);
    await until(async () => (await audited('connect.consent')).length === 2);
    const events = async (...args: string[]) => {
      const { stdout } = await run('audit', ...args, '--json');
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    expect(await events('--user', 'alice', '--action', 'connect.consent')).toMatchObject([
      { action: 'connect.consent', user_id: 'alice', actor: 'user' },
    ]);
    expect(await events('--action', 'connect.consent')).toHaveLength(2);
    expect(await events('--until', '1h')).toEqual([]);
    expect((await events('--since', '1h')).length).toBeGreaterThan(3);
    const [service] = await bed.sql('SELECT name FROM services LIMIT 1');
    expect((await events('--service', String(service?.['name']))).length).toBeGreaterThan(0);
    expect(await run('audit', '--service', 'unknown')).toMatchObject({ code: 4 });
    expect(await run('audit', '--action', 'unknown')).toMatchObject({ code: 2 });
    expect(await run('audit', '--since', 'unknown')).toMatchObject({ code: 2 });
    expect(await run('audit', '--csv', '--json')).toMatchObject({ code: 2 });
  });

  exhaustive.test('writes CSV that quotes what needs it, and holds no formula', async () => {
    await bed.sql(
      `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, user_id, details)
       VALUES (gen_random_uuid(), now(), now(), 'connect.ticket', 'ok', 'x', '=HYPERLINK("a,b")', '{"asked": ["a", "b"]}')`,
    );
    const { stdout } = await run('audit', '--csv');
    const [header, line] = stdout.split('\n');
    expect(header).toBe(CSV);
    expect(line).toContain(`"'=HYPERLINK(""a,b"")"`);
    expect(line).toContain('"{""asked"":[""a"",""b""]}"');
  });

  exhaustive.test('shows 100 events within 80 columns, and streams all of them as JSON', async () => {
    await insert(1200);
    const { stdout } = await run('audit');
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    expect(stdout.split('\n').filter((line) => line.includes('connect.ticket'))).toHaveLength(100);
    expect(stdout).toContain('There are more');
    expect((await run('audit', '--json')).stdout.trimEnd().split('\n')).toHaveLength(1200);
    expect((await run('audit', '--csv', '--limit', '7')).stdout.trimEnd().split('\n')).toHaveLength(8);
  });

  exhaustive.test('ends quietly when a reader such as `head` has enough', async () => {
    await insert(20_000);
    const child = spawn(process.execPath, [resolve('dist/bundle/cli/main.js'), 'audit', '--json'], {
      cwd: emptyFolder(),
      env: { ...bed.settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    const ended = once(child, 'close');
    await Promise.race([once(child.stdout, 'data'), ended]);
    child.stdout.destroy();
    expect({ ended: await ended, errors }).toEqual({ ended: [0, null], errors: '' });
  });
});

test('`service list` shows when a service called last, and how often in a day', async () => {
  await connect('alice');
  const before = await json('service', 'list');
  const api = await bed.service();
  const [row] = await bed.sql('SELECT id FROM services ORDER BY created_at DESC LIMIT 1');
  const id = String(row?.['id']);
  // Cold, then from the cache, then refused.
  for (let call = 0; call < 5; call++) await api.token('alice');
  await api.token('unknown');
  await bed.app.get(ServiceUsageJob).store();
  await bed.app.get(ServiceUsageJob).store();
  const { output } = await json('service', 'list');
  const known = list(output, 'services').find((service) => service['id'] === id);
  expect(known).toMatchObject({ calls_24h: 6, last_used_at: expect.stringMatching(/T\d\d:00:00\.000Z$/) });
  expect(list(before.output, 'services').some((service) => service['id'] === id)).toBe(false);
});
