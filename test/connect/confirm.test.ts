import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

describe('a consent in confirm mode', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  const ticket = { scope: YOUTUBE, confirm: true, return_to: `${APP}/done` };
  const codeFrom = (location: string | null) => {
    const url = new URL(location ?? '');
    expect(url.searchParams.get('connect')).toBe('pending');
    return url.searchParams.get('connect_code') ?? '';
  };
  const confirm = (code: string, user_id: string) => bed.api.post('/connect/completions', { code, user_id });

  test('becomes a grant when the same user confirms', async () => {
    const response = await bed.api.connect({ ...ticket, user_id: 'alice' }, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    const confirmed = await confirm(code, 'alice');
    expect(confirmed.status).toBe(200);
    expect(confirmed.body).toEqual({ connect: 'success', grant_id: expect.any(String), missing_scopes: [] });
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect((await confirm(code, 'alice')).status).toBe(400);
  });

  test('never yields a token from a link that another person consented to', async () => {
    // Mallory makes a link for himself and lures Alice into it; her browser brings the code into her own session.
    const link = await bed.api.connectUrl({ ...ticket, user_id: 'mallory' });
    const response = await new Browser().connect(link, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    const refused = await confirm(code, 'alice-in-her-session');
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ code: 'not_allowed' });
    // Nor can Mallory use the code afterwards, should he get hold of it.
    expect((await confirm(code, 'mallory')).status).toBe(400);
    expect((await bed.api.token('mallory', { scope: YOUTUBE })).status).toBe(404);
    expect(await bed.sql("SELECT * FROM grants WHERE user_id = 'mallory'")).toHaveLength(0);
    expect(await bed.sql('SELECT * FROM pending_consents')).toHaveLength(0);
  });

  test('is discarded where the session is of a user whom the service may not act for', async () => {
    const service = await bed.service({ users: ['team-*'] });
    const { id, url } = await service.ticket({ ...ticket, user_id: 'team-mallory' });
    const response = await new Browser().connect(url, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    const post = (user_id: string) => service.post('/connect/completions', { code, user_id });
    expect(await post('alice-elsewhere')).toMatchObject({ status: 403, body: { reason: 'wrong_user' } });
    expect((await service.get(`/connect/tickets/${id}`)).body).toMatchObject({
      state: 'failed',
      reason: 'wrong_user',
    });
    expect((await post('team-mallory')).status).toBe(400);
    expect(await bed.sql("SELECT * FROM grants WHERE user_id = 'team-mallory'")).toHaveLength(0);
    expect(await bed.sql('SELECT * FROM pending_consents')).toHaveLength(0);
  });

  test('is requested again when Google gives no refresh token, here too', async () => {
    // Google knows Bob through another user; alice holds another account, so no consent is forced at first.
    await bed.api.connect({ scope: YOUTUBE, user_id: 'another-user' }, { account: BOB.email });
    await bed.api.connect({ scope: YOUTUBE, user_id: 'two-accounts' }, { account: ALICE.email });
    const request = { ...ticket, user_id: 'two-accounts', another_account: true };
    const response = await bed.api.connect(request, { account: BOB.email });
    expect((await confirm(codeFrom(response.headers.get('location')), 'two-accounts')).status).toBe(200);
    expect((await bed.api.token('two-accounts', { account: BOB.email })).status).toBe(200);
  });

  test('becomes one grant when it is confirmed twice at once', async () => {
    const response = await bed.api.connect({ ...ticket, user_id: 'twice' }, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    const responses = await Promise.all([
      confirm(code, 'twice'),
      confirm(code, 'twice'),
      confirm(code, 'twice'),
    ]);
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
  });

  test('expires after 10 minutes', async () => {
    const response = await bed.api.connect({ ...ticket, user_id: 'late' }, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    bed.clock.advance(601);
    expect((await confirm(code, 'late')).status).toBe(400);
  });

  test('is deleted, with its tokens, once its time is over and no other comes', async () => {
    await bed.api.connect({ ...ticket, user_id: 'left' }, { account: ALICE.email });
    expect(await bed.sql('SELECT 1 FROM pending_consents')).not.toEqual([]);
    bed.clock.advance(3600);
    await until(async () => (await bed.sql('SELECT 1 FROM pending_consents')).length === 0);
  });

  test('cannot be confirmed by a service without the right to the user', async () => {
    const response = await bed.api.connect({ ...ticket, user_id: 'alice-2' }, { account: ALICE.email });
    const code = codeFrom(response.headers.get('location'));
    const other = await bed.service({ users: ['bob'] });
    const refused = await other.post('/connect/completions', { code, user_id: 'alice-2' });
    expect(refused.status).toBe(403);
    // The code of another service stays valid.
    expect((await confirm(code, 'alice-2')).status).toBe(200);
  });

  test('is sealed while it is pending', async () => {
    await bed.api.connect({ ...ticket, user_id: 'sealed' }, { account: ALICE.email });
    const [row] = await bed.sql('SELECT p::text FROM pending_consents p');
    for (const secret of bed.google.control.secrets()) expect(String(row?.['p'])).not.toContain(secret);
  });

  test.each([
    ['without a return_to', { user_id: 'alice', scope: YOUTUBE, confirm: true }, 'return_to'],
    ['that is no boolean', { ...ticket, user_id: 'alice', confirm: 'yes' }, 'confirm'],
  ])('is refused where confirm is %s', async (_, body, field) => {
    const response = await bed.api.post('/connect/tickets', body);
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ errors: { [field]: expect.any(String) } });
  });
});
