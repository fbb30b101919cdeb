import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exhaustive } from '../support/exhaustive.js';
import type { ApiResponse } from '../support/api.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

describe('the grants of a user', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const connect = (user_id: string, account: { email: string }, client = 'default') =>
    bed.api.connect({ user_id, scope: YOUTUBE, client }, { account: account.email });
  const grantOf = async (userId: string) => {
    const { body } = await bed.api.get(`/users/${userId}/grants`);
    return (body['grants'] as Record<string, unknown>[])[0] ?? {};
  };

  test('show user, account, scopes and status, and no token', async () => {
    await connect('alice', ALICE);
    const grant = await grantOf('alice');
    expect(grant).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      user_id: 'alice',
      client: 'default',
      kind: 'user',
      subject: null,
      account: { sub: ALICE.sub, email: ALICE.email },
      status: 'active',
      scope: expect.stringContaining(YOUTUBE),
      missing_scopes: [],
      diagnosis: null,
      expires: { at: expect.any(String), reason: 'inactivity' },
      created_at: expect.any(String),
      consented_at: expect.any(String),
      imported_at: null,
      refreshed_at: expect.any(String),
    });
    expect((await bed.api.get(`/grants/${String(grant['id'])}`)).body).toMatchObject(grant);
  });

  test('are visible to a service only as far as its policy covers', async () => {
    await connect('alice', ALICE);
    const id = String((await grantOf('alice'))['id']);
    const other = await bed.service({ users: ['bob'] });
    expect((await other.get('/users/alice/grants')).status).toBe(403);
    const unknown = '00000000-0000-4000-8000-000000000000';
    const said = ({ status, body }: ApiResponse) => ({ status, code: body['code'], detail: body['detail'] });
    for (const stranger of [other, await bed.service({ clients: ['second'] })]) {
      const none = said(await stranger.get(`/grants/${unknown}`));
      expect(none).toMatchObject({ status: 404, code: 'not_found' });
      expect(said(await stranger.get(`/grants/${id}`))).toEqual(none);
      for (const query of [{ mode: 'local' }, { mode: 'revoke' }, { mode: 'revoke', dry_run: 'true' }]) {
        expect(said(await stranger.delete(`/grants/${id}`, query))).toEqual(none);
      }
    }
    const otherClient = await bed.service({ clients: ['second'] });
    expect((await otherClient.get('/users/alice/grants')).body).toEqual({ grants: [], next: null });
  });

  test('are deleted here with mode=local, while Google still knows them and the slot stays taken', async () => {
    await connect('alice', ALICE);
    const { id } = await grantOf('alice');
    const response = await bed.api.delete(`/grants/${String(id)}`, { mode: 'local' });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ dry_run: false, mode: 'local', also_revoked: [] });
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    expect((await bed.api.get(`/grants/${String(id)}`)).status).toBe(404);
    expect(bed.google.control.count('revoke')).toBe(0);
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(1);
    expect(await bed.sql('SELECT * FROM access_tokens')).toHaveLength(0);
  });

  test('end at Google with mode=revoke, and the grants that ended with it are marked', async () => {
    await connect('alice', ALICE);
    await connect('alice-too', ALICE, 'second');
    await connect('in-another-project', ALICE, 'elsewhere');
    await connect('bob', BOB);
    const { id } = await grantOf('alice');

    const dry = await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke', dry_run: 'true' });
    const also = (dry.body['also_revoked'] as { user_id: string }[]).map(({ user_id }) => user_id);
    expect(also).toEqual(['alice-too']);
    expect((await grantOf('alice'))['status']).toBe('active');
    expect(bed.google.control.count('revoke')).toBe(0);

    const response = await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke' });
    expect(response.body).toMatchObject({ also_revoked: [{ user_id: 'alice-too' }] });
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    const sibling = await bed.api.token('alice-too', { client: 'second' });
    expect(sibling.status).toBe(410);
    expect(sibling.body).toMatchObject({ cause: 'revoked_with_sibling' });
    expect((await bed.api.token('in-another-project', { client: 'elsewhere' })).status).toBe(200);
    expect((await bed.api.token('bob')).status).toBe(200);
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual([]);
  });

  test('have their token sent to Google in the body, not in the address', async () => {
    await connect('alice', ALICE);
    const { id } = await grantOf('alice');
    await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke' });
    const [request] = bed.google.control.requests.filter(({ endpoint }) => endpoint === 'revoke');
    expect(request?.parameters).toHaveProperty('token');
    expect(JSON.stringify(request)).not.toContain('?token=');
  });

  test('count as revoked when they are already dead at Google', async () => {
    await connect('alice', ALICE);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const { id } = await grantOf('alice');
    expect((await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke' })).status).toBe(200);
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
  });

  exhaustive.test('stay where a token was dead alone', async () => {
    await connect('alice', ALICE);
    const [token] = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
    await connect('alice-too', ALICE, 'second');
    await connect('bob-with-the-same-account', ALICE);
    bed.google.control.endRefreshToken(token ?? '');
    const { id } = await grantOf('alice');
    const response = await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke' });
    expect(response.body).toMatchObject({ also_revoked: [] });
    bed.clock.advance(3600);
    expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    expect((await bed.api.token('bob-with-the-same-account')).status).toBe(200);
    const live = bed.google.control.liveRefreshTokens(ALICE.sub).length;
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(live);
  });

  test('can always be deleted with mode=local, also while Google cannot be reached', async () => {
    await connect('alice', ALICE);
    const { id } = await grantOf('alice');
    bed.google.control.failAlways('revoke', { status: 503, body: '' });
    expect((await bed.api.delete(`/grants/${String(id)}`, { mode: 'local' })).status).toBe(200);
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
  });

  test('are deleted with mode=local also where their users consent meanwhile, and are unknown where another call was first', async () => {
    const deleting = async (meanwhile: string, values: unknown[] = []) => {
      await connect('alice', ALICE);
      const { id } = await grantOf('alice');
      await bed.sql('BEGIN');
      await bed.sql(meanwhile, values);
      const response = bed.api.delete(`/grants/${String(id)}`, { mode: 'local' });
      await until(async () => (await bed.sql(BLOCKED_SESSIONS))[0]?.['count'] !== 0);
      await bed.sql('COMMIT');
      return (await response).status;
    };
    const consented = `UPDATE grants SET consented_at = $1 WHERE user_id = 'alice'`;
    expect(await deleting(consented, [bed.clock.now()])).toBe(200);
    expect(await grantOf('alice')).toEqual({});
    expect(await deleting(`DELETE FROM grants WHERE user_id = 'alice'`)).toBe(404);
  });

  test('need a mode to be disconnected', async () => {
    await connect('alice', ALICE);
    const { id } = await grantOf('alice');
    for (const query of [{}, { mode: 'hard' }]) {
      const response = await bed.api.delete(`/grants/${String(id)}`, query);
      expect(response.status).toBe(400);
    }
    expect((await grantOf('alice'))['status']).toBe('active');
  });
});
