import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from './support/test-bed.js';

const DAY = 24 * 3600;

describe('a dead grant says why, how sure, and who must act', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const connect = (more: Record<string, unknown> = {}) =>
    bed.api.connect({ user_id: 'alice', scope: YOUTUBE, ...more }, { account: ALICE.email });
  const reason = async () => {
    const { status, body } = await bed.api.token('alice');
    expect(status).toBe(410);
    expect(body['detail']).toMatch(/\.( Send the user to connect_url\.)?$/);
    return [body['cause'], body['confidence'], body['who_must_act']];
  };

  test('the user removed the access', async () => {
    await connect();
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['user_revoked', 'inferred', 'user']);
    const [grant] = (await bed.api.get('/users/alice/grants')).body['grants'] as Record<string, unknown>[];
    expect(grant).toMatchObject({
      status: 'reconnect_required',
      diagnosis: { cause: 'user_revoked' },
      expires: null,
    });
  });

  test('with Gmail scopes a changed password is as likely', async () => {
    await connect({ scope: 'https://mail.google.com/' });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['user_revoked_or_password_changed', 'inferred', 'user']);
  });

  test('an app in Testing, where Google gave the lifetime', async () => {
    bed.google.control.setTestingMode(true);
    await connect();
    bed.clock.advance(7 * DAY + 60);
    expect(await reason()).toEqual(['testing_mode', 'certain', 'operator']);
  });

  test('an app in Testing, where Google gave no lifetime: it worked until the seventh day and not after', async () => {
    bed.google.control.setTestingMode(true);
    bed.google.control.overrideTokenAnswer({ refresh_token_expires_in: null });
    await connect();
    bed.clock.advance(6 * DAY);
    expect((await bed.api.token('alice')).status).toBe(200);
    bed.clock.advance(DAY + 60);
    expect(await reason()).toEqual(['testing_mode', 'inferred', 'operator']);
  });

  test('time-based access that ran out', async () => {
    bed.google.control.overrideTokenAnswer({ refresh_token_expires_in: 2 * DAY });
    await connect();
    bed.google.control.overrideTokenAnswer(null);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(2 * DAY + 60);
    expect(await reason()).toEqual(['time_based_access', 'certain', 'user']);
  });

  test('six months unused', async () => {
    await connect();
    bed.clock.advance(184 * DAY);
    expect(await reason()).toEqual(['inactivity', 'inferred', 'user']);
  });

  test('a Workspace that ends sessions', async () => {
    await connect();
    bed.google.control.setAccountPolicy(ALICE.sub, 'invalid_rapt');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['session_control', 'certain', 'user']);
  });

  test('a Workspace administrator who forbids it', async () => {
    await connect();
    bed.google.control.setAccountPolicy(ALICE.sub, 'admin_policy_enforced');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['admin_policy_enforced', 'certain', 'workspace_admin']);
  });

  test('the wrong client: not the grant is dead, but the configuration', async () => {
    await connect();
    bed.clock.advance(3600);
    bed.google.control.failNext('token', { named: 'unauthorized_client' });
    const { status, body } = await bed.api.token('alice');
    expect(status).toBe(502);
    expect(body).toMatchObject({
      code: 'client_misconfigured',
      cause: 'wrong_client',
      who_must_act: 'operator',
    });
  });

  test('revoked together with another grant of the account', async () => {
    await connect();
    await bed.api.connect({ user_id: 'other', scope: YOUTUBE, client: 'second' }, { account: ALICE.email });
    const [grant] = (await bed.api.get('/users/other/grants')).body['grants'] as { id: string }[];
    await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'revoke' });
    expect(await reason()).toEqual(['revoked_with_sibling', 'certain', 'user']);
  });
});

describe('an active grant says when it will expire', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed({ TESTING_CLIENTS: 'second' });
  });
  afterAll(() => bed.stop());

  const connect = (user_id: string, client: string) =>
    bed.api.connect({ user_id, scope: YOUTUBE, client }, { account: ALICE.email });
  const expiring = async (seconds: number, api = bed.api) => {
    const { body } = await api.get('/grants', { expiring_within: String(seconds) });
    return (body['grants'] as { user_id: string; expires: { at: string; reason: string } }[]).map(
      ({ user_id, expires }) => `${user_id}: ${expires.reason}`,
    );
  };

  test('by the lifetime that Google gave, by the setting for apps in Testing, and by inactivity', async () => {
    await connect('idle', 'default');
    bed.clock.advance(60);
    await connect('in-testing', 'second');
    bed.google.control.overrideTokenAnswer({ refresh_token_expires_in: 3 * DAY });
    await connect('limited', 'elsewhere');
    bed.google.control.overrideTokenAnswer(null);

    expect(await expiring(DAY)).toEqual([]);
    expect(await expiring(4 * DAY)).toEqual(['limited: time_based_access']);
    expect(await expiring(8 * DAY)).toEqual(['limited: time_based_access', 'in-testing: testing_mode']);
    expect(await expiring(184 * DAY)).toEqual([
      'limited: time_based_access',
      'in-testing: testing_mode',
      'idle: inactivity',
    ]);
  });

  test('a service sees only what its policy covers', async () => {
    expect(await expiring(184 * DAY, await bed.service({ users: ['idle'] }))).toEqual(['idle: inactivity']);
    expect(await expiring(184 * DAY, await bed.service({ clients: ['second'] }))).toEqual([
      'in-testing: testing_mode',
    ]);
  });

  test.each(['', 'soon', '-1', '99999999999'])('expiring_within=%j is refused', async (value) => {
    expect((await bed.api.get('/grants', { expiring_within: value })).status).toBe(400);
  });
});
