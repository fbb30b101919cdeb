/** Service accounts as holders of access: from the command line to the token, through HTTP. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { guideHierarchy, guideIds } from '../../sandbox/google/ads/hierarchy.js';
import { keysGenerate } from '../../src/cli/keys/generate.js';
import { keysReseal } from '../../src/cli/keys/reseal.js';
import { serviceAccountAdd } from '../../src/cli/service-account/add.js';
import { serviceAccountList } from '../../src/cli/service-account/list.js';
import { serviceAccountRemove } from '../../src/cli/service-account/remove.js';
import { Secret } from '../../src/domain/secret.js';
import { ServiceAccountsRepository } from '../../src/token-store/grants/service-accounts.repository.js';
import { SecurityEventsRepository } from '../../src/token-store/security-events/security-events.repository.js';
import { tokenBroker } from '../cli/token-broker.js';
import { runCommand } from '../support/command.js';
import { file, keyFile, type KeyFile, ROBOT } from '../support/service-account.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';

const CALENDAR = 'https://www.googleapis.com/auth/calendar.readonly';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

let bed: TestBed;
let key: KeyFile;
beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  // Commands live by the machine's clock.
  bed.clock.advance((Date.now() - bed.clock.now().getTime()) / 1000);
  bed.google.control.reset();
  key = keyFile(bed.google);
  await bed.sql('DELETE FROM grants');
});
afterAll(() => bed.stop());

const COMMANDS = { add: serviceAccountAdd, list: serviceAccountList, remove: serviceAccountRemove };
const cli = async (name: keyof typeof COMMANDS, ...args: string[]) => {
  const run = await runCommand(COMMANDS[name](), args, bed.settings);
  // The broker has been notified of what another process changed when the test goes on.
  await bed.sql('SELECT 1');
  return run;
};
/** Without asking Google first: the test's clock runs ahead of the command's. */
const add = (userId: string, scopes: string[], ...more: string[]) =>
  cli(
    'add',
    key.path,
    '--user',
    userId,
    ...scopes.flatMap((each) => ['--scope', each]),
    '--offline',
    ...more,
  );

const asked = () =>
  bed.google.control.requests
    .filter(({ grantType }) => grantType === JWT_BEARER)
    .map(({ parameters }) => decodeJwt(String(parameters['assertion'])));

const grantOf = async (userId: string) =>
  ((await bed.api.get(`/users/${userId}/grants`)).body['grants'] as Record<string, unknown>[])[0] ?? {};

describe('a service account that holds access', () => {
  test('is added in a process of its own, after Google is tried, and nothing secret is shown', async () => {
    const args = ['service-account', 'add', key.path, '--user', 'robot', '--scope', ADS];
    const { code, stdout, stderr } = await tokenBroker(args, bed.settings);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`The user robot has access by the service account ${ROBOT.email} now`);
    expect(stdout).toMatch(/acts for {2}itself\n {2}scopes {4}https:\/\/www.googleapis.com\/auth\/adwords/);
    expect(stdout + bed.log()).not.toContain('PRIVATE KEY');
    expect(asked()).toHaveLength(1);
  });

  test('gets a token by its signature at GET /tokens, once for all callers, and it is cached', async () => {
    await add('robot', [ADS]);
    const responses = await Promise.all(Array.from({ length: 8 }, () => bed.api.token('robot')));
    expect(responses[0]).toMatchObject({
      status: 200,
      body: {
        access_token: expect.stringMatching(/^ya29\.c\./),
        token_type: 'Bearer',
        scope: ADS,
        account: { sub: ROBOT.uniqueId, email: ROBOT.email },
        client: 'default',
      },
    });
    expect(new Set(responses.map(({ body }) => body['access_token'])).size).toBe(1);
    const [claims, ...others] = asked();
    expect(others).toEqual([]);
    expect(claims).toMatchObject({ iss: ROBOT.email, scope: ADS, aud: `${bed.google.url}/token` });
    expect(claims).not.toHaveProperty('sub');
    expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBeLessThanOrEqual(3600);

    // Kept in the database, like any token; over after an hour.
    await bed.restart();
    expect((await bed.api.token('robot')).body['access_token']).toBe(responses[0]?.body['access_token']);
    bed.clock.advance(3600);
    expect((await bed.api.token('robot')).status).toBe(200);
    expect(asked()).toHaveLength(2);
  });

  test('for the email address gives a token, though Google adds openid to what it names', async () => {
    const email = 'https://www.googleapis.com/auth/userinfo.email';
    await add('robot', [email]);
    bed.google.control.overrideTokenResponse({ scope: `openid ${email}` });
    const { status, body } = await bed.api.token('robot');
    expect(status).toBe(200);
    expect(body['scope']).toBe(email);
    expect((await bed.api.token('robot')).body['access_token']).toBe(body['access_token']);
    expect(asked()).toHaveLength(1);
  });

  exhaustive.test('gives a service what its policy allows, by asking for less', async () => {
    await add('robot', [ADS, CALENDAR]);
    const narrow = await bed.service({ scopes: [CALENDAR] });
    expect((await narrow.token('robot')).body['scope']).toBe(CALENDAR);
    expect((await bed.api.token('robot')).body['scope']).toBe(`${ADS} ${CALENDAR}`);
    expect(asked().map(({ scope }) => scope)).toEqual([CALENDAR, `${ADS} ${CALENDAR}`]);
    // That switch is for Google's narrowing of refreshed tokens, which is documented nowhere. This is.
    await bed.restart({ NARROW_SCOPES: 'false' });
    bed.clock.advance(3600);
    expect((await narrow.token('robot')).body['scope']).toBe(CALENDAR);
    await bed.restart();
  });

  test('gives no link for scopes that it was not added with, for no consent helps', async () => {
    await add('robot', [ADS]);
    const { status, body } = await bed.api.token('robot', { scope: CALENDAR });
    expect({ status, body }).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope', missing_scopes: [CALENDAR], who_must_act: 'operator' },
    });
    expect(body).not.toHaveProperty('connect_url');
  });

  test('acts for a user of a Workspace as soon as the administrator has delegated that', async () => {
    await add('alice', [ADS, CALENDAR], '--subject', ALICE.email);
    const refused = await bed.api.token('alice');
    expect(refused).toMatchObject({
      status: 502,
      body: {
        code: 'client_misconfigured',
        cause: 'delegation_missing',
        who_must_act: 'workspace_admin',
        google_error: 'unauthorized_client',
        detail: expect.stringContaining(`client id ${ROBOT.uniqueId}`),
      },
    });
    expect(refused.body['detail']).toContain(`${ADS} ${CALENDAR}`);
    bed.google.control.delegate(ROBOT.email, [ADS, CALENDAR]);
    bed.clock.advance(11);
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(asked().at(-1)).toMatchObject({ iss: ROBOT.email, sub: ALICE.email });
  });

  test('calls A1 through M1 as what M1 made it, as SA1 in the guide that is invited to M1', async () => {
    const { M1, A1 } = guideIds;
    bed.google.control.setAdsHierarchy(guideHierarchy({ SA1: ROBOT.email }));
    await add('robot', [ADS]);
    const { status, body } = await bed.api.token('robot', { customer_id: A1 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      headers: { 'login-customer-id': M1 },
      ads: { role: 'STANDARD', distance: 2 },
    });
    const call = (headers: object) =>
      fetch(`${bed.google.url}/v26/customers/${A1}/googleAds:search`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${body['access_token'] as string}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify({ query: 'SELECT campaign.id FROM campaign' }),
      });
    expect((await call(body['headers'] as object)).status).toBe(200);
    expect((await call({})).status).toBe(403);
  });

  test('says who must act after its key is deleted, and another key takes its place', async () => {
    await add('robot', [ADS]);
    await bed.api.token('robot');
    bed.google.control.deleteServiceAccountKey(key.keyId);
    expect((await bed.api.token('robot')).status).toBe(200);
    bed.clock.advance(3600);
    expect(await bed.api.token('robot')).toMatchObject({
      status: 502,
      body: { cause: 'key_rejected', who_must_act: 'operator', google_error: 'invalid_grant' },
    });
    const { id, status } = await grantOf('robot');
    expect(status).toBe('active');

    key = keyFile(bed.google);
    expect(await add('robot', [ADS, CALENDAR])).toMatchObject({
      code: 3,
      failure: { error: 'service_account_taken' },
    });
    expect(await add('robot', [ADS, CALENDAR], '--replace')).toMatchObject({
      code: 0,
      output: { grant_id: id, replaced: true },
    });
    expect((await bed.api.token('robot')).body['scope']).toBe(`${ADS} ${CALENDAR}`);
  });

  exhaustive.test('is replaced with --replace, and what the key before gave is given no more', async () => {
    await add('alice', [ADS]);
    const { body } = await bed.api.token('alice');
    const again = ['add', key.path, '--user', 'alice', '--scope', ADS] as const;
    expect(await cli(...again)).toMatchObject({ code: 3, failure: { error: 'service_account_taken' } });
    // Refused before Google was asked.
    expect(asked()).toHaveLength(1);
    bed.google.control.delegate(ROBOT.email, [ADS]);
    expect(await cli(...again, '--subject', ALICE.email, '--replace')).toMatchObject({ code: 0 });
    const replaced = await bed.api.token('alice');
    expect(replaced.status).toBe(200);
    expect(replaced.body['access_token']).not.toBe(body['access_token']);
    expect(asked().at(-1)?.sub).toBe(ALICE.email);
  });

  exhaustive.test('discards a token that Google is just making for the key before', async () => {
    await add('robot', [ADS]);
    await bed.restart({ GOOGLE_TIMEOUT_MS: '30000' });
    // Longer than the command takes.
    bed.google.control.latency('token', 6000);
    const pending = bed.api.token('robot');
    await until(() => asked().length > 0);
    bed.google.control.latency('token', 0);
    await add('robot', [CALENDAR], '--replace');
    expect((await pending).body['scope']).toBe(CALENDAR);
    expect(await bed.sql('SELECT scope_set FROM access_tokens')).toEqual([{ scope_set: CALENDAR }]);
  });

  exhaustive.test(
    'is added once where two add the same at once, and one of them gets a conflict',
    async () => {
      const deposit = {
        client: 'default',
        account: { sub: ROBOT.uniqueId, email: ROBOT.email },
        subject: null,
        scopes: [ADS],
        key: new Secret(readFileSync(key.path, 'utf8')),
        replace: false,
        now: new Date(),
      };
      const store = bed.app.get(ServiceAccountsRepository);
      // Several times: with cold connections they come one after the other.
      for (const userId of ['one', 'two', 'three']) {
        const kept = await Promise.all(Array.from({ length: 5 }, () => store.keep({ ...deposit, userId })));
        expect(kept.filter((each) => each !== null)).toHaveLength(1);
      }
    },
  );

  exhaustive.test('is as unavailable as any grant while Google is', async () => {
    await add('robot', [ADS]);
    bed.google.control.failNext('token', { named: 'internal_failure' });
    expect(await bed.api.token('robot')).toMatchObject({
      status: 503,
      body: { code: 'google_unavailable' },
    });
    await bed.afterBackoff();
    expect((await bed.api.token('robot')).status).toBe(200);
  });
});

describe('the grant of a service account', () => {
  test('shows its kind, takes no slot and does not expire', async () => {
    await add('alice', [ADS], '--subject', ALICE.email);
    const grant = await grantOf('alice');
    expect(grant).toMatchObject({
      kind: 'service_account',
      subject: ALICE.email,
      account: { sub: ROBOT.uniqueId, email: ROBOT.email },
      status: 'active',
      expires: null,
    });
    const { body } = await bed.api.get(`/grants/${String(grant['id'])}`);
    expect(body['slots']).toMatchObject({ used: 0, used_by_account: 0 });
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE account_sub = $1', [ROBOT.uniqueId])).toEqual(
      [],
    );
    await bed.sql(
      "UPDATE grants SET refreshed_at = now() - interval '2 years', consented_at = now() - interval '2 years'",
    );
    expect((await bed.api.get('/grants', { expiring_within: '31000000' })).body).toEqual({
      grants: [],
      next: null,
    });
  });

  test('cannot be revoked at Google, only deleted here', async () => {
    await add('robot', [ADS]);
    await bed.api.token('robot');
    const path = `/grants/${String((await grantOf('robot'))['id'])}`;
    for (const query of [{ mode: 'revoke' }, { mode: 'revoke', dry_run: 'true' }] as Record<
      string,
      string
    >[]) {
      expect(await bed.api.delete(path, query)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: { mode: expect.stringContaining('Google console') } },
      });
    }
    expect((await bed.api.token('robot')).status).toBe(200);
    expect(await bed.api.delete(path, { mode: 'local' })).toMatchObject({
      status: 200,
      body: { disconnected: { kind: 'service_account' }, also_revoked: [] },
    });
    expect((await bed.api.token('robot')).status).toBe(404);
  });

  test('is not affected by security events, which concern people', async () => {
    await add('robot', [ADS]);
    const account = { sub: ROBOT.uniqueId, email: ROBOT.email };
    const remediation = { action: 'delete', account, endReason: 'account_purged' } as const;
    const incident = {
      jti: 'about a robot',
      occurredAt: bed.clock.now(),
      clients: ['default'],
      requestId: 'of a robot',
      events: [{ remediation, details: {} }],
    };
    expect(await bed.app.get(SecurityEventsRepository).takeOnce(incident, bed.clock.now())).toEqual([[]]);
    expect((await bed.api.token('robot')).status).toBe(200);
  });

  exhaustive.test(
    "does not replace the user's own consent, and the caller selects one of two accounts",
    async () => {
      await add('alice', [ADS]);
      const page = await bed.api.connect({ user_id: 'alice', scope: ADS }, { account: ALICE.email });
      expect(page.status).toBe(200);
      expect(await bed.api.token('alice')).toMatchObject({
        status: 409,
        body: { code: 'ambiguous_account' },
      });
      for (const { sub, email } of [{ sub: ROBOT.uniqueId, email: ROBOT.email }, ALICE]) {
        expect((await bed.api.token('alice', { account: email })).body['account']).toEqual({ sub, email });
      }
      const again = await add('alice', [CALENDAR], '--replace');
      expect(again.output['notes']).toEqual(expect.arrayContaining([expect.stringContaining(ALICE.email)]));
      // The user's grant is revoked at Google; the service account's stays.
      const grants = (await bed.api.get('/users/alice/grants')).body['grants'] as Record<string, unknown>[];
      const own = grants.find(({ kind }) => kind === 'user');
      expect((await bed.api.delete(`/grants/${String(own?.['id'])}`, { mode: 'revoke' })).status).toBe(200);
      expect((await bed.api.token('alice')).body['scope']).toBe(CALENDAR);
    },
  );
});

describe('the commands for service accounts', () => {
  test('remove also a key that replaces the former one meanwhile', async () => {
    const { output } = await add('robot', [ADS]);
    await bed.sql('BEGIN');
    await bed.sql(`UPDATE grants SET consented_at = $1 WHERE user_id = 'robot'`, [bed.clock.now()]);
    const removed = cli('remove', String(output['grant_id']));
    await until(async () => (await bed.sql(BLOCKED_SESSIONS))[0]?.['count'] !== 0);
    await bed.sql('COMMIT');
    expect((await removed).code).toBe(0);
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    expect((await bed.api.token('robot')).status).toBe(404);
  });

  test('list and remove them', async () => {
    expect((await cli('list')).output).toEqual({ service_accounts: [] });
    const { output } = await add('robot', [ADS], '--client', 'second');
    const listed = await cli('list');
    expect(listed.output['service_accounts']).toEqual([
      {
        grant_id: output['grant_id'],
        user_id: 'robot',
        client: 'second',
        account: { sub: ROBOT.uniqueId, email: ROBOT.email },
        subject: null,
        scope: ADS,
        added_at: expect.any(String),
      },
    ]);
    await bed.api.token('robot', { client: 'second' });
    expect((await cli('remove', String(output['grant_id']))).code).toBe(0);
    expect((await bed.api.token('robot', { client: 'second' })).status).toBe(404);
    expect(await cli('remove', 'nonsense')).toMatchObject({
      code: 4,
      failure: { error: 'service_account_not_found' },
    });
    const trail = await bed.sql(
      "SELECT action, actor, user_id, client, details->>'email' AS email FROM audit_trail WHERE action LIKE 'service_account.%' ORDER BY sequence DESC LIMIT 2",
    );
    const about = { actor: 'operator', user_id: 'robot', client: 'second', email: ROBOT.email };
    expect(trail).toEqual([
      { action: 'service_account.remove', ...about },
      { action: 'service_account.add', ...about },
    ]);
  });

  const OF_YOUTUBE = ['--user', 'robot', '--scope', YOUTUBE, '--scope', YOUTUBE_MONEY];
  const USUAL = ['--user', 'robot', '--scope', ADS];
  test.each<[string, () => string, string[], number, string, string]>(
    fewOf([
      ['no file', () => '/nowhere/key.json', USUAL, 4, 'service_account_not_found', 'ENOENT'],
      ['no JSON', () => file('secret-text'), USUAL, 78, 'service_account_faulty', 'is not JSON'],
      ['an OAuth client', () => file({ web: {} }), USUAL, 78, 'service_account_faulty', 'is an OAuth client'],
      [
        'a key cut short',
        () => broken({ private_key: 'secret-text' }),
        USUAL,
        78,
        'service_account_faulty',
        'cannot be read',
      ],
      ['no client_id', () => broken({ client_id: undefined }), USUAL, 2, 'wrong_usage', 'lacks client_id'],
      [
        'YouTube Analytics',
        () => key.path,
        OF_YOUTUBE,
        3,
        'youtube_analytics_refused',
        '--youtube-reporting',
      ],
      [
        'no scope at all',
        () => key.path,
        ['--user', 'robot', '--scope', 'adwords'],
        2,
        'wrong_usage',
        'adwords is not a scope',
      ],
      [
        'a user id with a control character',
        () => key.path,
        ['--user', 'a\u0007b', '--scope', ADS],
        2,
        'wrong_usage',
        'user: must be',
      ],
      [
        'an unknown client',
        () => key.path,
        [...USUAL, '--client', 'x'],
        4,
        'client_not_found',
        'It serves default',
      ],
      ['no address', () => key.path, [...USUAL, '--subject', 'alice'], 2, 'wrong_usage', 'subject: must be'],
    ]),
  )(
    'refuse to add with %s in one line with its exit code, and do not ask Google',
    async (_, path, args, code, error, words) => {
      const { failure, ...run } = await cli('add', path(), ...args);
      expect({ code: run.code, failure }).toEqual({
        code,
        failure: { error, message: expect.stringContaining(words) },
      });
      expect(String(failure['message'])).not.toMatch(/\n|secret-text|PRIVATE KEY/);
      expect(asked()).toEqual([]);
      expect(await bed.sql('SELECT id FROM grants')).toEqual([]);
    },
  );

  test('take service accounts for YouTube Reporting, which has the same scopes', async () => {
    expect((await cli('add', key.path, ...OF_YOUTUBE, '--youtube-reporting', '--offline')).code).toBe(0);
    expect((await bed.api.token('robot')).body['scope']).toBe(`${YOUTUBE_MONEY} ${YOUTUBE}`);
  });

  test.each<[string, () => void, string[], number, string]>(
    fewOf([
      [
        'a deleted key',
        () => {
          bed.google.control.deleteServiceAccountKey(key.keyId);
        },
        USUAL,
        3,
        'key_rejected',
      ],
      ['no delegation', () => undefined, [...USUAL, '--subject', ALICE.email], 3, 'delegation_missing'],
      [
        'a subject that is not there',
        () => undefined,
        [...USUAL, '--subject', 'x@example.com'],
        3,
        'subject_not_found',
      ],
      [
        'a scope that Google lacks',
        () => undefined,
        [...USUAL, '--scope', 'https://example.com/x'],
        3,
        'scope_rejected',
      ],
      [
        'an outage',
        () => {
          bed.google.control.failNext('token', { named: 'server_error' });
        },
        USUAL,
        69,
        'google_unavailable',
      ],
    ]),
  )('report what Google says of adding with %s, and keep nothing', async (_, arrange, args, code, error) => {
    arrange();
    expect(await cli('add', key.path, ...args)).toMatchObject({ code, failure: { error } });
    expect(await bed.sql('SELECT id FROM grants')).toEqual([]);
  });
});

describe('the key of a service account', () => {
  exhaustive.test('is sealed, bound to its row, and resealed when keys rotate', async () => {
    await add('robot', [ADS]);
    await add('other', [ADS]);
    const dump = await bed.sql('SELECT g::text AS row FROM grants g');
    expect(JSON.stringify(dump)).not.toMatch(/PRIVATE|private_key/);

    const ring = bed.settings['KEY_RING_FILE'] ?? '';
    expect((await runCommand(keysGenerate(), ['--out', ring, '--add', '--now'], bed.settings)).code).toBe(0);
    const { output } = await runCommand(keysReseal(), [], bed.settings);
    const column = (output['columns'] as Record<string, unknown>[]).find(
      (each) => each['column'] === 'grants.sealed_key',
    );
    expect(column).toMatchObject({ resealed: 2, unopened: 0 });
    await bed.restart();
    expect((await bed.api.token('robot')).status).toBe(200);

    const [robot] = await bed.sql("SELECT sealed_key FROM grants WHERE user_id = 'robot'");
    await bed.sql("UPDATE grants SET sealed_key = $1, version = version + 1 WHERE user_id = 'other'", [
      robot?.['sealed_key'],
    ]);
    expect(await bed.api.token('other')).toMatchObject({ status: 500, body: { code: 'integrity_failed' } });
    expect(bed.log()).not.toMatch(/PRIVATE KEY/);
    for (const { parameters } of bed.google.control.requests) {
      if (parameters['assertion'] !== undefined) expect(bed.log()).not.toContain(parameters['assertion']);
    }
  });

  test('is never in one row with a refresh token', async () => {
    await add('robot', [ADS]);
    await expect(bed.sql("UPDATE grants SET sealed_refresh_token = 'x'")).rejects.toThrow(
      'grants_one_credential',
    );
    await expect(bed.sql("UPDATE grants SET kind = 'user'")).rejects.toThrow('grants_one_credential');
  });
});

function broken(change: Record<string, unknown>): string {
  return keyFile(bed.google, ROBOT, change).path;
}
