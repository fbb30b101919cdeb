import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { tokenEndpointFailure } from '../../src/domain/google/oauth-failures.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const DAY = 24 * 3600;

describe('the cause of a dead grant', () => {
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

  test('is that the user removed the access', async () => {
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

  test('is as likely a changed password with Gmail scopes', async () => {
    await connect({ scope: 'https://mail.google.com/' });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['user_revoked_or_password_changed', 'inferred', 'user']);
  });

  test('is an app in Testing, where Google gave the lifetime', async () => {
    bed.google.control.setTestingMode(true);
    await connect();
    bed.clock.advance(7 * DAY + 60);
    expect(await reason()).toEqual(['testing_mode', 'certain', 'operator']);
  });

  test('is an app in Testing, where Google gave no lifetime and it worked until the seventh day and not after', async () => {
    bed.google.control.setTestingMode(true);
    bed.google.control.overrideTokenResponse({ refresh_token_expires_in: null });
    await connect();
    bed.clock.advance(6 * DAY);
    expect((await bed.api.token('alice')).status).toBe(200);
    bed.clock.advance(DAY + 60);
    expect(await reason()).toEqual(['testing_mode', 'inferred', 'operator']);
  });

  test('is time-based access that ran out', async () => {
    bed.google.control.overrideTokenResponse({ refresh_token_expires_in: 2 * DAY });
    await connect();
    bed.google.control.overrideTokenResponse(null);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(2 * DAY + 60);
    expect(await reason()).toEqual(['time_based_access', 'certain', 'user']);
  });

  test('is six months without use', async () => {
    await connect();
    bed.clock.advance(184 * DAY);
    expect(await reason()).toEqual(['inactivity', 'inferred', 'user']);
  });

  test.each(['invalid_rapt', 'rapt_required'] as const)(
    'is a Workspace that ends sessions (%s)',
    async (rapt) => {
      await connect();
      bed.google.control.setAccountPolicy(ALICE.sub, rapt);
      bed.clock.advance(3600);
      expect(await reason()).toEqual(['session_control', 'certain', 'user']);
    },
  );

  test('is a Workspace administrator who forbids it', async () => {
    await connect();
    bed.google.control.setAccountPolicy(ALICE.sub, 'admin_policy_enforced');
    bed.clock.advance(3600);
    expect(await reason()).toEqual(['admin_policy_enforced', 'certain', 'workspace_admin']);
  });

  test.each([
    ['unauthorized_client', 'Unauthorized', 'wrong_client'],
    ['invalid_client', 'The provided client secret is invalid.', 'client_rejected'],
    ['invalid_client', 'The OAuth client was not found.', 'client_rejected'],
    ['deleted_client', 'The OAuth client was deleted.', 'client_rejected'],
    ['invalid_request', 'client_secret is missing.', 'client_rejected'],
    ['org_internal', '', 'client_rejected'],
    ['invalid_scope', 'Some requested scopes were invalid.', 'scope_rejected'],
  ])(
    'is the configuration and not the grant, where Google answers %s, "%s"',
    async (error, description, cause) => {
      await connect();
      bed.clock.advance(3600);
      const fault = { status: 400, body: JSON.stringify({ error, error_description: description }) };
      bed.google.control.failNext('token', fault, 2);
      const { status, body } = await bed.api.token('alice');
      const row = tokenEndpointFailure({ error, description, subtype: null }, 'refresh');
      expect(status).toBe(502);
      expect(body).toMatchObject({ code: 'client_misconfigured', cause, who_must_act: row?.whoMustAct });
      expect(body['detail']).toBe(
        `Google refuses the client default: ${error}. ${row?.meaning ?? ''} ${row?.remedy ?? ''}`,
      );
    },
  );

  test('is the revocation of another grant of the account', async () => {
    await connect();
    await bed.api.connect({ user_id: 'other', scope: YOUTUBE, client: 'second' }, { account: ALICE.email });
    const [grant] = (await bed.api.get('/users/other/grants')).body['grants'] as { id: string }[];
    await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'revoke' });
    expect(await reason()).toEqual(['revoked_with_sibling', 'certain', 'user']);
  });
});

describe('the expiry of an active grant', () => {
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

  test('follows from the lifetime that Google gave, the setting for apps in Testing, and inactivity', async () => {
    await connect('idle', 'default');
    bed.clock.advance(60);
    await connect('in-testing', 'second');
    bed.google.control.overrideTokenResponse({ refresh_token_expires_in: 3 * DAY });
    await connect('limited', 'elsewhere');
    bed.google.control.overrideTokenResponse(null);

    expect(await expiring(DAY)).toEqual([]);
    expect(await expiring(4 * DAY)).toEqual(['limited: time_based_access']);
    expect(await expiring(8 * DAY)).toEqual(['limited: time_based_access', 'in-testing: testing_mode']);
    expect(await expiring(184 * DAY)).toEqual([
      'limited: time_based_access',
      'in-testing: testing_mode',
      'idle: inactivity',
    ]);
  });

  test('is visible to a service only for what its policy covers', async () => {
    expect(await expiring(184 * DAY, await bed.service({ users: ['idle'] }))).toEqual(['idle: inactivity']);
    expect(await expiring(184 * DAY, await bed.service({ clients: ['second'] }))).toEqual([
      'in-testing: testing_mode',
    ]);
  });

  test.each(['', 'soon', '-1', '99999999999'])('cannot be queried with expiring_within=%j', async (value) => {
    expect((await bed.api.get('/grants', { expiring_within: value })).status).toBe(400);
  });
});
