import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from './support/api.js';
import { ALICE, APP, BOB, startWorld, YOUTUBE, type World } from './support/world.js';

describe('confirm mode: a grant waits until the app confirms the user', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.stop());

  const ticket = { scope: YOUTUBE, confirm: true, return_to: `${APP}/done` };
  const codeFrom = (location: string | null) => {
    const url = new URL(location ?? '');
    expect(url.searchParams.get('connect')).toBe('pending');
    return url.searchParams.get('connect_code') ?? '';
  };
  const confirm = (code: string, user_id: string) =>
    world.api.post('/connect/completions', { code, user_id });

  test('confirmed by the same user, it becomes a grant', async () => {
    const answer = await world.api.connect({ ...ticket, user_id: 'alice' }, { account: ALICE.email });
    const code = codeFrom(answer.headers.get('location'));
    expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    const confirmed = await confirm(code, 'alice');
    expect(confirmed.status).toBe(200);
    expect(confirmed.body).toEqual({ connect: 'success', grant_id: expect.any(String), missing_scopes: [] });
    expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect((await confirm(code, 'alice')).status).toBe(400);
  });

  test('attack: a link consented by somebody else never yields a token', async () => {
    // Mallory makes a link for himself and lures Alice into it; her browser brings the code into her own session.
    const link = await world.api.connectUrl({ ...ticket, user_id: 'mallory' });
    const answer = await new Browser().connect(link, { account: ALICE.email });
    const code = codeFrom(answer.headers.get('location'));
    const refused = await confirm(code, 'alice-in-her-session');
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ code: 'not_allowed' });
    // Nor can Mallory use the code afterwards, should he get hold of it.
    expect((await confirm(code, 'mallory')).status).toBe(400);
    expect((await world.api.token('mallory', { scope: YOUTUBE })).status).toBe(404);
    expect(await world.sql("SELECT * FROM grants WHERE user_id = 'mallory'")).toHaveLength(0);
    expect(await world.sql('SELECT * FROM pending_consents')).toHaveLength(0);
  });

  test('an account that Google is silent about is asked for consent, here too', async () => {
    // Google knows Bob through another user; alice holds another account, so no consent is forced at first.
    await world.api.connect({ scope: YOUTUBE, user_id: 'somebody-else' }, { account: BOB.email });
    await world.api.connect({ scope: YOUTUBE, user_id: 'two-accounts' }, { account: ALICE.email });
    const request = { ...ticket, user_id: 'two-accounts', another_account: true };
    const answer = await world.api.connect(request, { account: BOB.email });
    expect((await confirm(codeFrom(answer.headers.get('location')), 'two-accounts')).status).toBe(200);
    expect((await world.api.token('two-accounts', { account: BOB.email })).status).toBe(200);
  });

  test('two confirmations at once: one grant', async () => {
    const answer = await world.api.connect({ ...ticket, user_id: 'twice' }, { account: ALICE.email });
    const code = codeFrom(answer.headers.get('location'));
    const answers = await Promise.all([
      confirm(code, 'twice'),
      confirm(code, 'twice'),
      confirm(code, 'twice'),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
  });

  test('after 10 minutes it is forgotten', async () => {
    const answer = await world.api.connect({ ...ticket, user_id: 'late' }, { account: ALICE.email });
    const code = codeFrom(answer.headers.get('location'));
    world.clock.advance(601);
    expect((await confirm(code, 'late')).status).toBe(400);
  });

  test('a service without the right to the user cannot confirm', async () => {
    const answer = await world.api.connect({ ...ticket, user_id: 'alice-2' }, { account: ALICE.email });
    const code = codeFrom(answer.headers.get('location'));
    const other = await world.service({ users: ['bob'] });
    const refused = await other.post('/connect/completions', { code, user_id: 'alice-2' });
    expect(refused.status).toBe(403);
  });

  test('what waits is sealed', async () => {
    await world.api.connect({ ...ticket, user_id: 'sealed' }, { account: ALICE.email });
    const [row] = await world.sql('SELECT p::text FROM pending_consents p');
    for (const secret of world.google.control.secrets()) expect(String(row?.['p'])).not.toContain(secret);
  });

  test.each([
    ['without a return_to', { user_id: 'alice', scope: YOUTUBE, confirm: true }, 'return_to'],
    ['that is no boolean', { ...ticket, user_id: 'alice', confirm: 'yes' }, 'confirm'],
  ])('confirm %s is refused', async (_, body, field) => {
    const answer = await world.api.post('/connect/tickets', body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ errors: { [field]: expect.any(String) } });
  });
});
