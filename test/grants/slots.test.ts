import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { exhaustive } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';

const LIMIT = 5;

describe('the slot ledger', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed({ SLOT_LIMIT: String(LIMIT), ACCOUNT_SLOT_LIMIT: String(LIMIT + 2) });
  });
  beforeEach(async () => {
    bed.google.control.reset();
    bed.google.control.setSlotLimit(LIMIT);
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const connect = (user_id: string, more: Record<string, unknown> = {}) =>
    bed.api.connect({ user_id, scope: YOUTUBE, force: true, ...more }, { account: ALICE.email });
  const grantOf = async (userId: string) => {
    const { body } = await bed.api.get(`/users/${userId}/grants`);
    return (body['grants'] as { id: string; status: string }[])[0];
  };
  const slotsOf = async (userId: string) => {
    const { body } = await bed.api.get(`/grants/${(await grantOf(userId))?.id ?? ''}`);
    return body['slots'] as Record<string, unknown> & {
      next_evicted: { grant_id: string | null; current: boolean };
    };
  };
  /** Who is dead at Google, by asking for tokens there. */
  const isAlive = async (userId: string) => {
    bed.clock.advance(3600);
    return (await bed.api.token(userId)).status === 200;
  };

  test('shows for a grant used and free slots, and which grant is evicted next', async () => {
    await connect('user-1');
    await connect('user-2');
    await connect('user-2', { client: 'second' });
    const first = await grantOf('user-1');
    expect(await slotsOf('user-2')).toEqual({
      limit: LIMIT,
      used: 2,
      free: 3,
      nearly_full: false,
      used_by_account: 3,
      account_nearly_full: false,
      next_evicted: { grant_id: first?.id, issued_at: expect.any(String), current: true, certain: true },
    });
  });

  test('predicts the grant that Google evicts for each of 12 connects by 6 users sharing one account', async () => {
    const alive: string[] = [];
    for (let connects = 0; connects < 12; connects++) {
      const userId = `user-${connects % 6}`;
      const before = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
      const predicted = alive.length > 0 ? await slotsOf(alive.at(-1) ?? '') : null;
      const predictedUser = predicted && (await userOfGrant(predicted.next_evicted.grant_id));

      // Each is a new consent: the user has disconnected here, or Google ended the grant.
      const grant = await grantOf(userId);
      if (grant) await bed.api.delete(`/grants/${grant.id}`, { mode: 'local' });
      await connect(userId);

      const after = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
      const evicted = before.filter((token) => !after.includes(token));
      expect(evicted).toHaveLength(before.length === LIMIT ? 1 : 0);
      if (evicted.length === 1) {
        expect(predicted?.['free']).toBe(0);
        expect(evicted[0]).toBe(before[0]);
        expect(predictedUser === null || predictedUser === ownerAtGoogle.get(evicted[0] ?? '')).toBe(true);
      }
      const [issued] = after.filter((token) => !before.includes(token));
      ownerAtGoogle.set(issued ?? '', userId);
      alive.splice(0, alive.length, ...alive.filter((user) => user !== userId), userId);
      // The books agree with Google on how many are live.
      expect((await slotsOf(userId))['used']).toBe(after.length);
    }
  });

  const ownerAtGoogle = new Map<string, string>();
  const userOfGrant = async (id: string | null) => {
    const [row] = await bed.sql('SELECT user_id FROM grants WHERE id = $1', [id]);
    return (row?.['user_id'] as string | undefined) ?? null;
  };

  test('refuses at the limit a connect that would end another user, before any slot is spent', async () => {
    for (let user = 1; user <= LIMIT; user++) await connect(`user-${user}`);
    const before = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');

    const named = connect('newcomer', { require_account: { email: ALICE.email }, force: false });
    await expect(named).rejects.toThrow('oldest connection');
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual(before);

    // No account is named: the broker learns it by a sign-in that takes no slot.
    const unnamed = await connect('newcomer', { force: false });
    expect(unnamed.text).toContain('slots_full');
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual(before);

    // The address that is required belongs to no grant yet: what the sign-in shows counts.
    await bed.sql(`UPDATE grants SET account_email = 'former@example.com'`);
    const required = await connect('newcomer', { require_account: { email: ALICE.email }, force: false });
    expect(required.text).toContain('slots_full');
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual(before);

    // Another account has free slots.
    const bob = await bed.api.connect({ user_id: 'newcomer', scope: YOUTUBE }, { account: BOB.email });
    expect(bob.text).toContain('Connected');
  });

  test('checks the account that the user chooses, whatever the hint names', async () => {
    for (let user = 1; user <= LIMIT; user++) await connect(`user-${user}`);
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    const before = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
    /** From a link with a hint to the outcome, with the account that the user chooses at the sign-in. */
    const choose = async (browser: Browser, link: string, hint: string, account: string) => {
      const signIn = await browser.begin(link);
      expect(signIn.searchParams.get('prompt')).toBe('select_account');
      expect(signIn.searchParams.get('login_hint')).toBe(hint);
      signIn.searchParams.delete('login_hint');
      return browser.open(await visitConsent(signIn, { account }));
    };
    const linkWith = (account_hint: string) =>
      bed.api.connectUrl({ user_id: 'newcomer', scope: YOUTUBE, account_hint });

    const full = await choose(new Browser(), await linkWith(BOB.email), BOB.email, ALICE.email);
    expect(full.text).toContain('slots_full');
    // The page leads on with the same hint: another account can be chosen.
    const browser = new Browser();
    const page = await choose(browser, await linkWith(ALICE.email), ALICE.email, ALICE.email);
    expect(page.text).toContain('slots_full');
    const again = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(page.text)?.[1] ?? '';
    const { headers } = await choose(browser, again, ALICE.email, BOB.email);
    const consent = await visitConsent(headers.get('location') ?? '', { account: BOB.email });
    expect((await browser.open(consent)).text).toContain('Connected');
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual(before);
  });

  test('evicts none of a full account that the user chooses in place of the required one', async () => {
    for (let user = 1; user <= LIMIT; user++) await connect(`user-${user}`);
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    const before = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
    const link = () =>
      bed.api.connectUrl({
        user_id: 'newcomer',
        scope: YOUTUBE,
        require_account: { email: BOB.email },
      });
    const browser = new Browser();
    const wrong = await browser.begin(await link());
    wrong.searchParams.delete('login_hint');
    const page = await browser.open(await visitConsent(wrong, { account: ALICE.email }));
    expect(page.text).toContain(ALICE.email);
    expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')).toEqual(before);
    expect(await isAlive('user-1')).toBe(true);

    const right = await new Browser().connect(await link(), { account: BOB.email });
    expect(right.text).toContain('Connected');
  });

  test('asks for no sign-in where the account that is required is the only full one', async () => {
    for (let user = 0; user < LIMIT; user++) {
      await bed.sql('DELETE FROM grants');
      await connect('user-1');
    }
    const { searchParams } = await new Browser().begin(
      await bed.api.connectUrl({
        user_id: 'user-2',
        scope: YOUTUBE,
        require_account: { email: ALICE.email },
      }),
    );
    expect(searchParams.get('scope')).toContain(YOUTUBE);
  });

  exhaustive.test(
    'lets a forced connect through, and the user of the evicted grant gets the reason',
    async () => {
      for (let user = 1; user <= LIMIT; user++) await connect(`user-${user}`);
      const forced = await connect('newcomer', { account_hint: ALICE.email });
      expect(forced.text).toContain('Connected');
      expect(await isAlive('newcomer')).toBe(true);
      const evicted = await bed.api.token('user-1');
      expect(evicted.status).toBe(410);
      expect(evicted.body).toMatchObject({
        cause: 'slot_eviction',
        confidence: 'inferred',
        who_must_act: 'user',
      });
      expect(await isAlive('user-2')).toBe(true);
    },
  );

  exhaustive.test('lets a user at the limit connect who would only evict an own, older token', async () => {
    await connect('user-1');
    for (let time = 0; time < LIMIT; time++) {
      await bed.sql('DELETE FROM grants');
      await connect('user-1');
    }
    const again = await connect('user-2', { account_hint: ALICE.email, force: false });
    expect(again.text).toContain('Connected');
  });

  exhaustive.test('says in the grant and in the log that nine tenths are taken', async () => {
    for (let user = 1; user <= LIMIT; user++) await connect(`user-${user}`);
    expect(await slotsOf('user-1')).toMatchObject({ nearly_full: true, free: 0 });
    expect(bed.log()).toContain('slots are nearly full');
    expect(await (await fetch(`${bed.url}/metrics`)).text()).toMatch(
      /token_broker_slots_nearly_full_total\{client="default"\} [1-9]/,
    );
  });

  exhaustive.test(
    'says in the grant and in the log that an account has many tokens across all clients',
    async () => {
      for (let user = 1; user <= LIMIT - 1; user++) await connect(`user-${user}`);
      expect(await slotsOf('user-1')).toMatchObject({ account_nearly_full: false });
      for (let user = 1; user <= 3; user++) await connect(`user-${user}`, { client: 'second' });
      expect(await slotsOf('user-1')).toMatchObject({
        nearly_full: false,
        used_by_account: LIMIT + 2,
        account_nearly_full: true,
      });
      expect(bed.log()).toContain('many refresh tokens across all clients');
      expect(await (await fetch(`${bed.url}/metrics`)).text()).toMatch(
        /token_broker_account_slots_nearly_full_total\{client="second"\} [1-9]/,
      );
      await until(async () => {
        bed.clock.advance(601);
        const lines = await (await fetch(`${bed.url}/metrics`)).text();
        return /^token_broker_accounts_nearly_full_across_clients 1$/m.test(lines);
      });
    },
  );

  test('frees all slots of the account in the project with a revocation', async () => {
    await connect('user-1');
    await connect('user-2', { client: 'second' });
    await bed.api.delete(`/grants/${(await grantOf('user-1'))?.id ?? ''}`, { mode: 'revoke' });
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(0);
  });

  test('counts a token that Google gave for a wrong account as well', async () => {
    const browser = new Browser();
    const consent = await browser.begin(
      await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, require_account: { email: BOB.email } }),
    );
    consent.searchParams.delete('login_hint');
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    expect(await grantOf('alice')).toBeUndefined();
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(1);
  });
});
