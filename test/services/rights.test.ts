/** What a service may do, and that what it may not see does not exist for it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exhaustive } from '../support/exhaustive.js';
import type { ApiResponse, Api } from '../support/api.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const LIMIT = 3;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ SLOT_LIMIT: String(LIMIT) });
});
beforeEach(async () => {
  bed.google.control.reset();
  bed.google.control.setSlotLimit(LIMIT);
  await bed.reset();
});
afterAll(() => bed.stop());

const NONE = { audit: false, disconnect: false, revoke: false, force: false, import: false };

const connect = (user_id: string, client = 'default', account = ALICE.email) =>
  bed.api.connect({ user_id, scope: YOUTUBE, client }, { account });
const idOf = async (userId: string) => {
  const { body } = await bed.api.get(`/users/${userId}/grants`);
  return (body['grants'] as { id: string }[])[0]?.id ?? '';
};
const said = ({ status, body }: ApiResponse) => ({ status, code: body['code'] });

test('a service without a right does and learns nothing, and with it only what it allows', async () => {
  await connect('alice');
  const id = await idOf('alice');
  const calls: Record<string, (api: Api) => Promise<ApiResponse>> = {
    disconnect: (api) => api.delete(`/grants/${id}`, { mode: 'local', dry_run: 'true' }),
    revoke: (api) => api.delete(`/grants/${id}`, { mode: 'revoke', dry_run: 'true' }),
    force: (api) => api.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE, force: true }),
    audit: (api) => api.get('/audit'),
    // An empty body is refused, but only with the right.
    import: (api) => api.post('/grants/import', { grants: [{}] }),
  };
  for (const right of ['none', ...Object.keys(calls)]) {
    const api = await bed.service({ ...NONE, ...(right === 'none' ? {} : { [right]: true }) });
    for (const [name, call] of Object.entries(calls)) {
      const response = await call(api);
      const { status } = response;
      expect([right, name, status < 400]).toEqual([right, name, right === name]);
      if (right !== name) {
        expect(response.body).toMatchObject({
          code: 'not_allowed',
          detail: expect.stringContaining(`the right ${name}`),
        });
      }
    }
    expect((await api.token('alice')).status).toBe(200);
  }
  expect((await (await bed.service(NONE)).delete(`/grants/${id}`, { mode: 'local' })).status).toBe(403);
  // The same for what is not there: the right comes first.
  const unknown = '00000000-0000-4000-8000-000000000000';
  expect((await (await bed.service(NONE)).delete(`/grants/${unknown}`, { mode: 'revoke' })).status).toBe(403);
  expect(await idOf('alice')).toBe(id);
});

describe('what the policy does not cover', () => {
  exhaustive.test('includes siblings of strangers, which are shown as a number', async () => {
    await connect('alice');
    await connect('stranger', 'second');
    await connect('alice-too', 'second');
    const narrow = await bed.service({ users: ['alice*'] });
    const [id, strange] = [await idOf('alice'), await idOf('stranger')];
    for (const dry_run of ['true', 'false']) {
      const response = await narrow.delete(`/grants/${id}`, { mode: 'revoke', dry_run });
      expect(response.body).toMatchObject({
        also_revoked_total: 2,
        also_revoked: [{ user_id: 'alice-too' }],
      });
      expect(response.text).not.toContain('stranger');
      expect(response.text).not.toContain(strange);
    }
    // Nor does the audit trail of alice disclose who else it was, or that of the stranger who began.
    const auditor = await bed.service({ users: ['alice'], audit: true });
    expect((await auditor.get('/audit')).text).not.toContain(strange);
    const other = await bed.service({ users: ['stranger'], audit: true });
    const events = await other.get('/audit');
    expect(events.body['events']).toContainEqual(
      expect.objectContaining({
        action: 'grant.disconnect',
        details: { with_sibling: true, revocation: expect.any(String) },
      }),
    );
    expect(events.text).not.toContain(id);
  });

  test('includes the grant that would be evicted next, which is disclosed only where it may be seen', async () => {
    await connect('stranger');
    await connect('alice');
    const narrow = await bed.service({ users: ['alice'] });
    const { body, text } = await narrow.get(`/grants/${await idOf('alice')}`);
    expect(body['slots']).toMatchObject({
      used: 2,
      next_evicted: { grant_id: null, issued_at: null, current: true },
    });
    expect(text).not.toContain(await idOf('stranger'));
    expect((await bed.api.get(`/grants/${await idOf('alice')}`)).body['slots']).toMatchObject({
      next_evicted: { grant_id: await idOf('stranger'), issued_at: expect.any(String), current: true },
    });
  });

  test('does not depend on a user that the caller names, and the answer is the same whether there is one or not', async () => {
    await connect('alice');
    const narrow = await bed.service({ users: ['bob'], audit: true });
    const ask: ((user: string) => Promise<ApiResponse>)[] = [
      (user) => narrow.get(`/users/${user}/grants`),
      (user) => narrow.get(`/users/${user}/ads/customers`),
      (user) => narrow.token(user),
      (user) => narrow.get('/audit', { user }),
      (user) => narrow.post('/connect/tickets', { user_id: user, scope: YOUTUBE }),
    ];
    for (const call of ask) {
      expect(said(await call('alice'))).toEqual({ status: 403, code: 'not_allowed' });
      expect(said(await call('unknown'))).toEqual({ status: 403, code: 'not_allowed' });
    }
  });

  test('includes a client outside of it, which is refused alike whether the broker serves it or not', async () => {
    const narrow = await bed.service({ clients: ['default'] });
    const ask: ((client: string) => Promise<ApiResponse>)[] = [
      (client) => narrow.token('alice', { client }),
      (client) => narrow.get('/users/alice/ads/customers', { client }),
      (client) => narrow.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE, client }),
    ];
    for (const call of ask) {
      for (const client of ['second', 'nowhere']) {
        const response = await call(client);
        expect(said(response)).toEqual({ status: 403, code: 'not_allowed' });
        expect(response.body['detail']).toContain(`may not use the client ${client}.`);
      }
    }
  });

  test('makes an unknown service look like one that did nothing for the users it covers', async () => {
    await bed.api.token('alice');
    const [{ name } = {}] = await bed.sql('SELECT name FROM services WHERE id = $1', [
      bed.api.key.split('_')[1],
    ]);
    const narrow = await bed.service({ users: ['bob'], audit: true });
    const there = await narrow.get('/audit', { service: String(name) });
    const none = await narrow.get('/audit', { service: 'unknown' });
    expect([there.status, there.body]).toEqual([200, { events: [], next: null }]);
    expect([none.status, none.body]).toEqual([there.status, there.body]);
  });
});

describe('the cursor of a list', () => {
  const first = async (api: Api, path: string, query: Record<string, string>) => {
    const { body } = await api.get(path, { ...query, limit: '1' });
    return String(body['next']);
  };

  exhaustive.test('goes on with the same list, caller and filter, and with no other', async () => {
    for (const user of ['alice', 'bob', 'carol'])
      await connect(user, 'default', user === 'bob' ? BOB.email : ALICE.email);
    await connect('alice', 'second');
    const auditor = await bed.service({ audit: true });
    const lists: [string, Record<string, string>, Record<string, string>][] = [
      ['/grants', { expiring_within: '31000000' }, { expiring_within: '31000001' }],
      ['/users/alice/grants', {}, {}],
      ['/audit', { user: 'alice' }, { user: 'bob' }],
    ];
    for (const [path, filter, otherFilter] of lists) {
      const cursor = await first(auditor, path, filter);
      expect((await auditor.get(path, { ...filter, cursor })).status).toBe(200);
      const refused = [
        await (await bed.service({ audit: true })).get(path, { ...filter, cursor }),
        await auditor.get(path, { ...filter, cursor: `${cursor.slice(0, -2)}AA` }),
        await auditor.get(path, { ...filter, cursor: 'eyJhbGciOiJkaXIifQ....' }),
        await auditor.get(path, { ...filter, cursor: '' }),
        await auditor.get('/users/bob/grants', { cursor }),
        ...(path === '/users/alice/grants' ? [] : [await auditor.get(path, { ...otherFilter, cursor })]),
      ];
      for (const response of refused) {
        expect(said(response)).toEqual({ status: 400, code: 'invalid_request' });
        expect(response.body['errors']).toHaveProperty('cursor');
      }
    }
  });

  test('shows a user with several grants page by page, each once', async () => {
    await connect('alice');
    await connect('alice', 'second');
    await connect('alice', 'elsewhere');
    const ids: string[] = [];
    for (let next: string | null = '', query = {}; next !== null; query = { cursor: next }) {
      const { body } = await bed.api.get('/users/alice/grants', { ...query, limit: '2' });
      ids.push(...(body['grants'] as { id: string }[]).map(({ id }) => id));
      next = body['next'] as string | null;
    }
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });

  test.each([
    ['the year 0', '0000-01-01T00:00:00Z'],
    ['a zone that leads there', '0001-01-01T00:00:00+14:00'],
    ['a zone that leads past 9999', '9999-12-31T23:59:59-14:00'],
    ['no end', '+infinity'],
    ['five digits', '10000-01-01T00:00:00Z'],
  ])('is refused for GET /audit since %s, naming the field', async (_, since) => {
    const auditor = await bed.service({ audit: true });
    const { status, body } = await auditor.get('/audit', { since });
    expect([status, body['errors']]).toEqual([400, { since: expect.any(String) }]);
    expect((await auditor.get('/audit', { since: '0001-01-01T00:00:00Z' })).status).toBe(200);
  });
});

test('an error lists the accounts of the user when another is named', async () => {
  await connect('alice');
  const response = await bed.api.token('alice', { account: BOB.email, scope: YOUTUBE });
  expect(response.status).toBe(404);
  expect(response.body).toMatchObject({
    code: 'not_connected',
    accounts: [{ sub: ALICE.sub, email: ALICE.email }],
    connect_url: expect.any(String),
  });
  expect((await bed.api.token('unknown', { account: BOB.email })).body).not.toHaveProperty('accounts');
});
