/** POST /grants/import: grants that another system made move in, each verified at Google, and nothing is done twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DEAD_REFRESH_TOKEN } from '../../src/domain/google/oauth-failures.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import type { ApiResponse, Api } from '../support/api.js';
import { exhaustive } from '../support/exhaustive.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

const OPENID = ['openid', 'https://www.googleapis.com/auth/userinfo.email'];
const LIMIT = 5;
const DAY = 24 * 3600;

let bed: TestBed;
let api: Api;
beforeAll(async () => {
  bed = await startTestBed({ IMPORT_RATE: '1000', SLOT_LIMIT: String(LIMIT) });
  // Nothing listens there: the events stay in the table.
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
  api = await bed.service({ import: true, audit: true });
});
beforeEach(async () => {
  bed.google.control.reset();
  bed.google.control.setSlotLimit(LIMIT);
  await bed.reset();
});
afterAll(() => bed.stop());

type Item = Record<string, unknown>;

const issue = (scopes = [...OPENID, YOUTUBE], sub = ALICE.sub, client = 'default') =>
  bed.google.control.issueRefreshToken(sub, client, scopes);
const post = (grants: unknown[], more: object = {}, caller = api) =>
  caller.post('/grants/import', { grants, ...more });
const resultsOf = ({ body }: ApiResponse) => body['results'] as Item[];
const first = async (item: Item, more: object = {}, caller = api) =>
  resultsOf(await post([item], more, caller))[0] ?? {};
const refreshes = () => bed.google.control.count('token', 'refresh_token');

describe('an import', () => {
  test.each([
    [
      'the account could not be learned',
      () => {
        bed.google.control.failNext('tokeninfo', { status: 503, body: '' });
      },
    ],
    [
      'the answer was broken',
      () => {
        bed.google.control.overrideTokenResponse({ token_type: 'mac' }, 1);
      },
    ],
  ])(
    'goes on with the refresh token that Google gave in place of the imported one where %s',
    async (_, fail) => {
      const { control } = bed.google;
      const token = issue(['https://www.googleapis.com/auth/userinfo.email', YOUTUBE]);
      control.rotateRefreshTokens(true);
      fail();
      const item = { user_id: 'alice', client: 'default', refresh_token: token, account: ALICE.sub };
      expect(await first(item)).toMatchObject({ status: 'imported', account: { sub: ALICE.sub } });
      bed.clock.advance(3600);
      expect((await api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    },
  );

  describe('of a refresh token that Google replaces,', () => {
    const unused = () =>
      bed.sql(
        'SELECT user_id, account_sub, account_verified, client, current FROM refresh_tokens WHERE grant_id IS NULL',
      );
    const BOOKED = {
      user_id: 'alice',
      account_sub: ALICE.sub,
      account_verified: true,
      client: 'default',
      current: false,
    };
    const replaced = (refresh_token: string, item: Item = {}, more: object = {}, caller = api) => {
      bed.google.control.rotateRefreshTokens(true);
      return first({ user_id: 'alice', refresh_token, ...item }, more, caller);
    };

    test('stores the new one, and says nothing of it', async () => {
      const result = await replaced(issue());
      expect(result).toMatchObject({ status: 'imported' });
      expect(result).not.toHaveProperty('token_replaced');
      expect(await unused()).toEqual([]);
    });

    test.each<[string, Item, object, Item]>([
      ['the scopes', { scopes: [YOUTUBE, ADS] }, {}, { status: 'refused', cause: 'scope_missing' }],
      ['the account', { account: BOB.email }, {}, { status: 'refused', cause: 'wrong_account' }],
      ['a dry run', {}, { dry_run: true }, { status: 'imported', grant_id: null }],
    ])(
      'books the new one, and says so, where %s lets no grant be stored',
      async (_, item, more, expected) => {
        expect(await replaced(issue(), item, more)).toMatchObject({ ...expected, token_replaced: true });
        expect(await unused()).toEqual([BOOKED]);
        expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toHaveLength(1);
      },
    );

    test('books the new one, and says so, where the policy does not allow what it covers', async () => {
      const caller = await bed.service({ import: true, scopes: [ADS] });
      expect(await replaced(issue(), {}, {}, caller)).toMatchObject({
        cause: 'not_allowed',
        token_replaced: true,
      });
      expect(await unused()).toEqual([BOOKED]);
    });

    test('books the new one, and says so, where the grant has another token', async () => {
      await first({ user_id: 'alice', refresh_token: issue() });
      expect(await replaced(issue())).toMatchObject({ cause: 'other_token', token_replaced: true });
      expect(await unused()).toEqual([BOOKED]);
    });

    test('books the new one, and says so, where the account is being revoked', async () => {
      await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
      const [grant] = (await api.get('/users/alice/grants')).body['grants'] as Item[];
      bed.google.control.failAlways('revoke', { status: 503, body: '' });
      expect((await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'revoke' })).status).toBe(202);
      expect(await replaced(issue())).toMatchObject({ cause: 'being_revoked', token_replaced: true });
      expect(await unused()).toEqual([BOOKED]);
    });

    test('books the newest one, and says so, where three answers are broken', async () => {
      bed.google.control.overrideTokenResponse({ token_type: 'mac' });
      expect(await replaced(issue())).toMatchObject({ cause: 'google_unavailable', token_replaced: true });
      expect(refreshes()).toBe(3);
      expect(await unused()).toEqual([BOOKED]);
    });

    test('books the new one where the database does not take the grant', async () => {
      await bed.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''full''; END';
        CREATE TRIGGER refuse BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION refuse()`);
      bed.google.control.rotateRefreshTokens(true);
      const { status } = await post([{ user_id: 'alice', refresh_token: issue() }]);
      await bed.sql('DROP FUNCTION refuse CASCADE');
      expect(status).toBe(500);
      expect(await unused()).toEqual([BOOKED]);
    });

    test('says so, also in the log, where it is not known whose it is', async () => {
      expect(await replaced(issue([ADS]))).toMatchObject({ cause: 'account_unknown', token_replaced: true });
      expect(await unused()).toEqual([]);
      expect(bed.log()).toContain('a refresh token of an unknown account');
    });

    test('evicts none for the new one, which takes the slot of the one before', async () => {
      await bed.sql(
        `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, current, issued_at, last_used_at, prefix_hash, sha512_hash)
         SELECT 'other-' || n, convert_to('other-' || n, 'UTF8'), $1, 'default', false, now(), now(), '', '' FROM generate_series(1, ${LIMIT}) AS n`,
        [ALICE.sub],
      );
      expect(await replaced(issue(), { account: BOB.email })).toMatchObject({ token_replaced: true });
      expect(await bed.sql('SELECT 1 FROM refresh_tokens WHERE ended_at IS NOT NULL')).toEqual([]);
    });
  });

  test('stores a grant whose tokens are handed out, with the account and the scopes that Google names', async () => {
    const response = await post([{ user_id: 'alice', client: 'default', refresh_token: issue() }]);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({
      dry_run: false,
      summary: { imported: 1, replaced: 0, unchanged: 0, refused: 0, postponed: 0 },
      results: [
        {
          index: 0,
          user_id: 'alice',
          client: 'default',
          status: 'imported',
          cause: null,
          account: { sub: ALICE.sub, email: ALICE.email },
          scope: [...OPENID, YOUTUBE].sort().join(' '),
        },
      ],
    });
    // The refresh that verified it gave the first token.
    expect((await api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    const { body } = await api.get('/users/alice/grants');
    const [grant] = body['grants'] as Item[];
    expect(grant).toMatchObject({
      id: resultsOf(response)[0]?.['grant_id'],
      status: 'active',
      missing_scopes: [],
    });
    expect(grant?.['imported_at']).not.toBeNull();
    expect(refreshes()).toBe(1);
  });

  test.each([
    ['alone', () => ({})],
    ['beside the same refresh token', (refresh_token: string) => ({ refresh_token })],
  ])('keeps the lifetime of the refresh token that Google names %s', async (_, beside) => {
    const token = issue();
    bed.google.control.overrideTokenResponse({ refresh_token_expires_in: 3 * DAY, ...beside(token) }, 1);
    expect(await first({ user_id: 'alice', refresh_token: token })).toMatchObject({ status: 'imported' });
    const { body } = await api.get('/grants', { expiring_within: String(4 * DAY) });
    expect(body['grants']).toMatchObject([{ user_id: 'alice', expires: { reason: 'time_based_access' } }]);
  });

  test('that is sent again changes nothing and does not ask Google again', async () => {
    const items = [
      { user_id: 'alice', refresh_token: issue() },
      { user_id: 'bob', refresh_token: issue(undefined, BOB.sub) },
    ];
    const before = resultsOf(await post(items));
    const asked = refreshes();
    const again = await post(items);
    expect(again.body).toMatchObject({ summary: { unchanged: 2, imported: 0 } });
    expect(resultsOf(again).map((each) => each['grant_id'])).toEqual(before.map((each) => each['grant_id']));
    expect(refreshes()).toBe(asked);
    expect(await bed.sql('SELECT 1 FROM refresh_tokens')).toHaveLength(2);
  });

  test('takes over a token of a user who left, whose age stays known, with one booking', async () => {
    const refreshToken = issue();
    await first({ user_id: 'bob', refresh_token: refreshToken });
    const left = (await api.get('/users/bob/grants')).body['grants'] as Item[];
    await bed.api.delete(`/grants/${String(left[0]?.['id'])}`, { mode: 'local' });
    const before = await bed.sql('SELECT user_id, sequence, issued_at FROM refresh_tokens');
    expect(before).toMatchObject([{ user_id: 'bob' }]);
    expect(await first({ user_id: 'alice', refresh_token: refreshToken })).toMatchObject({
      status: 'imported',
    });
    expect(await bed.sql('SELECT user_id, sequence, issued_at FROM refresh_tokens')).toEqual([
      { ...before[0], user_id: 'alice' },
    ]);
    expect((await api.token('alice')).status).toBe(200);
  });

  test('reports another token of an active grant, and replaces it only when asked to', async () => {
    const held = issue();
    const { grant_id } = await first({ user_id: 'alice', refresh_token: held });
    const other = { user_id: 'alice', refresh_token: issue([...OPENID, ADS]) };
    expect(await first(other)).toMatchObject({ status: 'refused', cause: 'other_token' });
    expect((await api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect(await first(other, { replace: true })).toMatchObject({ status: 'replaced', grant_id });
    expect((await api.token('alice', { scope: ADS })).status).toBe(200);
    expect((await api.token('alice', { scope: YOUTUBE })).status).toBe(403);
    // Google still counts the former one.
    const { body } = await api.get(`/grants/${String(grant_id)}`);
    expect(body).toMatchObject({ slots: { used: 2 } });
  });

  test('is refused with what Google says of its client, for all items, of which only the first ask Google', async () => {
    bed.google.control.failAlways('token', { named: 'invalid_client_secret' });
    const items = Array.from({ length: 8 }, () => ({ user_id: 'alice', refresh_token: issue() }));
    const results = resultsOf(await post(items));
    expect(new Set(results.map(({ cause }) => cause))).toEqual(new Set(['client_misconfigured']));
    expect(new Set(results.map(({ detail }) => detail))).toEqual(
      new Set([expect.stringMatching(/^The client's secret was replaced.* Add a new secret/)]),
    );
    expect(bed.google.control.count('token')).toBeLessThan(items.length);
  });

  test('is refused with its cause, and one refusal does not stop the others', async () => {
    const dead = issue();
    bed.google.control.endRefreshToken(dead);
    const used = issue();
    await first({ user_id: 'someone', refresh_token: used });
    const response = await post([
      { user_id: 'alice', refresh_token: dead },
      { user_id: 'alice', refresh_token: issue(undefined, ALICE.sub, 'second') },
      { user_id: 'alice', client: 'nowhere', refresh_token: issue() },
      { user_id: 'alice', refresh_token: issue(), scopes: [YOUTUBE, ADS] },
      { user_id: 'alice', refresh_token: issue(), account: BOB.email },
      { user_id: 'alice', refresh_token: used },
      { user_id: 'alice', refresh_token: 'with space', colour: 'red' },
      'a text',
      { user_id: 'alice', refresh_token: issue(undefined, BOB.sub) },
    ]);
    expect(resultsOf(response)).toMatchObject([
      {
        status: 'refused',
        cause: 'dead_token',
        detail: `${DEAD_REFRESH_TOKEN.meaning} ${DEAD_REFRESH_TOKEN.remedy}`,
      },
      { status: 'refused', cause: 'wrong_client', detail: expect.stringContaining('Name the alias') },
      { status: 'refused', cause: 'unknown_client' },
      { status: 'refused', cause: 'scope_missing', missing_scopes: [ADS] },
      { status: 'refused', cause: 'wrong_account' },
      { status: 'refused', cause: 'token_in_use' },
      { cause: 'invalid_item', errors: { refresh_token: expect.any(String), colour: 'is not known here.' } },
      { cause: 'invalid_item', errors: { item: 'must be a JSON object.' } },
      { status: 'imported', account: { sub: BOB.sub } },
    ]);
  });

  test('narrows the grant to the scopes that it names', async () => {
    const refresh_token = issue([...OPENID, YOUTUBE, YOUTUBE_MONEY]);
    const { scope } = await first({ user_id: 'alice', refresh_token, scopes: [YOUTUBE] });
    expect(scope).toBe([...OPENID, YOUTUBE].sort().join(' '));
    const { body } = await api.token('alice');
    expect(body['scope']).not.toContain(YOUTUBE_MONEY);
    expect((await api.token('alice', { scope: YOUTUBE_MONEY })).status).toBe(403);
    // The other scopes of the same token, when that is asked for.
    const all = { user_id: 'alice', refresh_token, scopes: [YOUTUBE, YOUTUBE_MONEY] };
    expect(await first(all)).toMatchObject({ status: 'unchanged' });
    expect(await first(all, { replace: true })).toMatchObject({ status: 'replaced' });
    expect((await api.token('alice', { scope: YOUTUBE_MONEY })).status).toBe(200);
  });

  test('of a token that does not say whose it is needs the account', async () => {
    const item = { user_id: 'alice', refresh_token: issue([ADS]) };
    const unknown = await first(item);
    expect(unknown).toMatchObject({ status: 'refused', cause: 'account_unknown' });
    expect(unknown['detail']).toContain('openid');
    // An email address leads to an account only where the broker has met it.
    expect(await first({ ...item, account: ALICE.email })).toMatchObject({ cause: 'account_unknown' });
    expect(await first({ ...item, account: ALICE.sub })).toMatchObject({
      status: 'imported',
      account: { sub: ALICE.sub, email: null },
      scope: ADS,
    });
    expect((await api.token('alice', { scope: ADS })).status).toBe(200);
    const events = (await api.get('/audit')).body['events'] as Item[];
    expect(events).toContainEqual(
      expect.objectContaining({
        action: 'grant.import',
        details: expect.objectContaining({ account_by: 'caller' }),
      }),
    );
    await first({ user_id: 'bob', refresh_token: issue(undefined, BOB.sub) });
    const byEmail = { user_id: 'bob', client: 'second', refresh_token: issue([ADS], BOB.sub, 'second') };
    expect(await first({ ...byEmail, account: BOB.email })).toMatchObject({ account: { sub: BOB.sub } });
  });

  test('takes an email address that Google neither confirms nor denies, unless the broker knows whose it is', async () => {
    const item = { user_id: 'alice', refresh_token: issue(['openid', ADS]) };
    expect(await first({ ...item, account: ALICE.email }, { dry_run: true })).toMatchObject({
      status: 'imported',
    });
    expect(await first({ ...item, account: BOB.sub }, { dry_run: true })).toMatchObject({
      cause: 'wrong_account',
    });
    await first({ user_id: 'bob', refresh_token: issue(undefined, BOB.sub) });
    expect(await first({ ...item, account: BOB.email })).toMatchObject({ cause: 'wrong_account' });
    expect(await first({ ...item, account: ALICE.email })).toMatchObject({
      status: 'imported',
      account: { sub: ALICE.sub, email: null },
    });
  });

  test('asks Google whose token it is where there is an email scope and no id_token', async () => {
    const email = [OPENID[1] ?? '', ADS];
    const item = { user_id: 'bob', refresh_token: issue(email, BOB.sub) };
    // The stand-in names the address and no id.
    expect(await first({ ...item, account: ALICE.email })).toMatchObject({ cause: 'wrong_account' });
    expect(await first({ ...item, account: BOB.sub })).toMatchObject({
      status: 'imported',
      account: { sub: BOB.sub, email: BOB.email },
    });
    expect(bed.google.control.count('tokeninfo')).toBe(2);
  });

  test('revives a dead grant, and a dry run stores nothing', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect((await api.token('alice')).status).toBe(410);
    const item = { user_id: 'alice', refresh_token: issue() };
    const tried = await post([item], { dry_run: true });
    expect(tried.body).toMatchObject({
      dry_run: true,
      results: [{ status: 'imported', grant_id: null, account: { sub: ALICE.sub } }],
    });
    expect((await api.token('alice')).status).toBe(410);
    expect(await first(item)).toMatchObject({ status: 'imported' });
    expect((await api.token('alice')).status).toBe(200);
  });

  exhaustive.test('stores no more once its service is revoked', async () => {
    const caller = await bed.service({ import: true });
    bed.google.control.latency('token', 500);
    const users = Array.from({ length: 9 }, (_each, index) => `user-${index}`);
    const response = post(
      users.map((user_id) => ({ user_id, refresh_token: issue() })),
      {},
      caller,
    );
    await until(() => refreshes() > 0);
    await bed.app.get(ServiceRegistry).revoke(caller.key.split('_')[1] ?? '');
    const results = resultsOf(await response);
    expect(results.at(-1)).toMatchObject({ status: 'refused', cause: 'not_allowed' });
    expect(results.at(-1)?.['detail']).toContain('revoked meanwhile');
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
  });

  exhaustive.test('leaves items for the next call while Google does not answer', async () => {
    bed.google.control.failAlways('token', { status: 503, body: {} });
    const items = [1, 2, 3, 4, 5, 6].map((n) => ({ user_id: `u${n}`, refresh_token: issue() }));
    const response = await post(items);
    expect(response.body).toMatchObject({ summary: { postponed: 6 } });
    expect(resultsOf(response).map((each) => each['cause'])).toContain('not_attempted');
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    bed.google.control.clearFaults();
    expect((await post(items)).body).toMatchObject({ summary: { imported: 6 } });
  });
});

describe('the service that imports', () => {
  test('needs the right, and each item is held against its policy', async () => {
    expect((await post([{}], {}, bed.api)).body).toMatchObject({ code: 'not_allowed' });
    const narrow = await bed.service({
      import: true,
      clients: ['default'],
      scopes: [YOUTUBE],
      users: ['team:*'],
    });
    const money = issue([...OPENID, YOUTUBE, YOUTUBE_MONEY]);
    const asked = refreshes();
    const early = await post(
      [
        { user_id: 'zoe', refresh_token: issue() },
        { user_id: 'team:a', client: 'second', refresh_token: issue() },
        { user_id: 'team:a', refresh_token: money, scopes: [YOUTUBE_MONEY] },
      ],
      {},
      narrow,
    );
    expect(resultsOf(early).map((each) => each['cause'])).toEqual(Array(3).fill('not_allowed'));
    expect(refreshes()).toBe(asked);
    // Google says what it covers: more than the service may bring.
    const wide = { user_id: 'team:a', refresh_token: money };
    expect(await first(wide, {}, narrow)).toMatchObject({ cause: 'not_allowed' });
    expect(await first({ ...wide, scopes: [YOUTUBE] }, {}, narrow)).toMatchObject({ status: 'imported' });
    const events = (await api.get('/audit', { user: 'zoe' })).body['events'] as Item[];
    expect(events).toMatchObject([{ action: 'grant.import', outcome: 'not_allowed' }]);
  });

  test('may send 100 items in a body that is longer than others may be', async () => {
    const item = { user_id: 'alice', refresh_token: 'x'.repeat(2048) };
    const many = await post(Array(100).fill(item));
    expect(many.body).toMatchObject({ summary: { refused: 100 } });
    expect((await post(Array(101).fill({}))).body).toMatchObject({
      code: 'invalid_request',
      errors: { grants: 'must hold 100 grants at most.' },
    });
    expect((await post([])).status).toBe(400);
    expect((await post(Array(100).fill({ ...item, account: 'y'.repeat(6000) }))).status).toBe(413);
    expect((await bed.api.post('/connect/tickets', { user_id: 'x'.repeat(70_000) })).status).toBe(413);
  });

  exhaustive.test('imports one list at a time', async () => {
    bed.google.control.latency('token', 300);
    const other = await bed.service({ import: true });
    const [one, two, three] = await Promise.all([
      post([{ user_id: 'alice', refresh_token: issue() }]),
      post([{ user_id: 'bob', refresh_token: issue(undefined, BOB.sub) }]),
      post([{ user_id: 'carol', refresh_token: issue() }], {}, other),
    ]);
    expect([one.status, two.status].sort()).toEqual([200, 429]);
    expect(three.status).toBe(200);
  });
});

test('an imported grant is written together with its webhook and its audit event', async () => {
  const { grant_id } = await first({ user_id: 'alice', refresh_token: issue() });
  const [event] = await bed.sql('SELECT type, payload FROM outbox_events');
  expect(event).toMatchObject({
    type: 'grant.imported',
    payload: { data: { grant_id, user_id: 'alice', replaced: false, status: 'active' } },
  });
  const { body } = await api.get('/audit', { user: 'alice' });
  expect(body['events']).toMatchObject([
    {
      action: 'grant.import',
      outcome: 'ok',
      grant_id,
      details: { account: ALICE.sub, account_by: 'google', replaced: false },
    },
  ]);
  // Neither is written where the grant is not: the last statement of the transaction fails here.
  await bed.reset();
  await bed.sql('REVOKE INSERT ON audit_trail FROM token_broker_runtime');
  try {
    const failed = await post([{ user_id: 'alice', refresh_token: issue() }]);
    expect(failed.status).toBe(503);
    expect(await bed.sql('SELECT 1 FROM grants UNION ALL SELECT 1 FROM outbox_events')).toEqual([]);
  } finally {
    await bed.sql('GRANT INSERT ON audit_trail TO token_broker_runtime');
  }
});

describe('the slots of an account with an imported token', () => {
  test('say that its age is not known, and that another may be evicted', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    const { grant_id } = await first({ user_id: 'bob', refresh_token: issue() });
    const { body } = await api.get(`/grants/${String(grant_id)}`);
    expect(body).toMatchObject({
      slots: { used: 2, next_evicted: { grant_id, issued_at: null, current: true, certain: false } },
    });
  });

  exhaustive.test('protect the imported grant of another user, although it was booked later', async () => {
    bed.google.control.setSlotLimit(100);
    for (let i = 0; i < LIMIT - 1; i++) {
      // Disconnected here only, the token stays live at Google: each connect takes one more slot.
      const { body } = await bed.api.get('/users/alice/grants');
      const [held] = body['grants'] as Item[];
      if (held) await bed.api.delete(`/grants/${String(held['id'])}`, { mode: 'local' });
      await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    }
    await first({ user_id: 'bob', refresh_token: issue() });
    const ticket = { user_id: 'alice', scope: ADS, require_account: { email: ALICE.email } };
    const refusal = await bed.api
      .connect(ticket, { account: ALICE.email })
      .catch((error: unknown) => String(error));
    expect(refusal).toContain('one that another user still uses');
  });

  exhaustive.test('lose none to an import, and a token that Google accepts has not ended', async () => {
    for (let i = 0; i < LIMIT + 1; i++) await first({ user_id: `u${i}`, refresh_token: issue() });
    expect(await bed.sql('SELECT 1 FROM refresh_tokens WHERE ended_at IS NOT NULL')).toEqual([]);
    const token = issue();
    await first({ user_id: 'x', refresh_token: token });
    await bed.sql(
      `UPDATE refresh_tokens SET ended_at = now() - interval '1 hour', end_reason = 'slot_eviction'`,
    );
    await bed.sql('DELETE FROM grants');
    expect(await first({ user_id: 'x', refresh_token: token })).toMatchObject({ status: 'imported' });
    expect(await bed.sql('SELECT 1 FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(1);
  });
});

test('a refresh token is in no log and in no response', async () => {
  const tokens = [issue(), issue([ADS]), issue(undefined, BOB.sub)];
  const dead = tokens[2] ?? '';
  bed.google.control.endRefreshToken(dead);
  const response = await post([
    { user_id: 'alice', refresh_token: tokens[0] },
    { user_id: 'alice', refresh_token: tokens[1] },
    { user_id: 'bob', refresh_token: dead },
    { user_id: 'bob', refresh_token: `${dead} `, scopes: dead },
  ]);
  // A control character refuses the whole call, as in every body.
  const whole = await post([{ user_id: 'b\u0000b', refresh_token: dead }]);
  expect(whole.body).toMatchObject({ errors: { 'grants.0.user_id': expect.any(String) } });
  const audit = (await api.get('/audit')).text;
  for (const token of tokens) {
    expect(response.text).not.toContain(token);
    expect(bed.log()).not.toContain(token);
    expect(audit).not.toContain(token);
  }
});
