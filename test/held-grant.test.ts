import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Browser } from './support/api.js';
import { ADS, ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from './support/test-bed.js';

describe('a connect whose scopes are all held', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
    bed.google.control.clearRequests();
  });
  afterAll(() => bed.stop());

  const press = async (more: Record<string, unknown> = {}) => {
    const url = new URL(
      await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, return_to: `${APP}/done`, ...more }),
    );
    const fields = { ticket: url.searchParams.get('ticket') ?? '' };
    return { url, answer: await new Browser().submit(new URL('/connect', url), fields) };
  };

  test.each([
    ['as it is', {}],
    ['with the account named', { account_hint: ALICE.email }],
    ['with the account required', { require_account: { sub: ALICE.sub } }],
    ['asking for email, which Google calls otherwise', { scope: `email openid ${YOUTUBE}` }],
  ])('asks Google for nothing and takes no slot %s', async (_, more) => {
    const { answer } = await press(more);
    expect(answer.headers.get('location')).toBe(`${APP}/done?connect=success`);
    expect(bed.google.control.requests).toEqual([]);
    expect(await bed.sql('SELECT * FROM refresh_tokens')).toHaveLength(1);
  });

  test.each([
    ['a scope more', { scope: `${YOUTUBE} https://www.googleapis.com/auth/youtube` }],
    ['another account', { account_hint: BOB.email }],
    ['one more account, whichever', { another_account: true }],
    ['a Workspace domain', { require_account: { hd: 'example.com' } }],
    ['another client', { client: 'second' }],
    ['another user', { user_id: 'bob' }],
  ])('goes to Google for %s', async (_, more) => {
    const { answer } = await press(more);
    expect(answer.headers.get('location')).toContain(`${bed.google.url}/o/oauth2/`);
  });

  test('uses its ticket up', async () => {
    const { url } = await press();
    expect((await new Browser().open(url)).text).toContain('used already');
  });

  test('goes to Google where the grant is dead', async () => {
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    expect((await bed.api.token('alice')).status).toBe(410);
    const { answer } = await press();
    expect(new URL(answer.headers.get('location') ?? '').searchParams.get('prompt')).toBe('consent');
  });
});
