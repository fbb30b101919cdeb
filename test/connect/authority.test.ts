/** Authority that ended, ends: at each step of a connect the service is still active and allowed to ask. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Sealer } from '../../src/sealing/sealer.js';
import { Database } from '../../src/token-store/client/database.js';
import { adoptServices } from '../../src/token-store/services/service-mac.js';
import { Api, Browser } from '../support/api.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ADS, ALICE, APP, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

describe('a connect', () => {
  let bed: TestBed;
  let service: Api;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    service = await bed.service();
  });
  afterAll(() => bed.stop());

  const ticket = { user_id: 'alice', scope: YOUTUBE };
  const idOf = ({ key }: Api) => key.split('_')[1];
  const ends: [string, (api: Api) => Promise<unknown>][] = [
    ['revoked', (api) => bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [idOf(api)])],
    [
      'kept from this user',
      (api) => bed.sql("UPDATE services SET users = '{bob}' WHERE id = $1", [idOf(api)]),
    ],
    [
      'kept from this client',
      (api) => bed.sql("UPDATE services SET clients = '{second}' WHERE id = $1", [idOf(api)]),
    ],
    [
      'kept from this scope',
      (api) => bed.sql('UPDATE services SET scopes = $2 WHERE id = $1', [idOf(api), [ADS]]),
    ],
  ];
  const begin = async (more: Record<string, unknown> = {}) => {
    const browser = new Browser();
    return { browser, consent: await browser.begin(await service.connectUrl({ ...ticket, ...more })) };
  };
  const grants = () => bed.sql('SELECT * FROM grants');
  const tokensLive = () => bed.google.control.liveRefreshTokens(ALICE.sub).length;

  describe.each(fewOf(ends))('of a service that is %s', (_, end) => {
    test('is refused by the page and the button, in words for the user', async () => {
      const url = await service.connectUrl(ticket);
      await end(service);
      const page = await new Browser().open(url);
      expect(page.status).toBe(403);
      expect(page.text).toContain('no longer valid');
      expect(page.text).toContain('ask the people who run the app');
      const pressed = await new Browser().submit(new URL('/connect', url), {
        ticket: new URL(url).searchParams.get('ticket') ?? '',
      });
      expect(pressed.status).toBe(403);
      expect(bed.google.control.requests).toEqual([]);
    });

    test('is refused by the callback, which exchanges nothing and offers no retry', async () => {
      const { browser, consent } = await begin();
      const back = await visitConsent(consent, { account: ALICE.email });
      await end(service);
      const response = await browser.open(back);
      expect(response.text).toContain('ask the people who run the app');
      expect(response.text).not.toContain('/connect?ticket=');
      expect(bed.google.control.count('token')).toBe(0);
      expect(await grants()).toHaveLength(0);
    });

    exhaustive.test(
      'stores nothing usable, and books the slot, where the service ends while Google answers',
      async () => {
        const { browser, consent } = await begin({ return_to: `${APP}/done` });
        const back = await visitConsent(consent, { account: ALICE.email });
        bed.google.control.latency('token', 700);
        const before = bed.google.control.count('token');
        const pending = browser.open(back);
        await until(() => bed.google.control.count('token') > before);
        await end(service);
        const response = await pending;
        expect(response.headers.get('location')).toBe(`${APP}/done?connect=failed&connect_error=not_allowed`);
        expect(await grants()).toHaveLength(0);
        expect(await bed.sql('SELECT * FROM pending_exchanges')).toHaveLength(0);
        // It is not revoked: that would end what the account granted others.
        expect(tokensLive()).toBe(1);
        const [booked] = await bed.sql('SELECT account_sub, grant_id, ended_at FROM refresh_tokens');
        expect(booked).toEqual({ account_sub: ALICE.sub, grant_id: null, ended_at: null });
      },
    );

    test('is not confirmed while its consent waits', async () => {
      const { browser, consent } = await begin({ confirm: true, return_to: `${APP}/done` });
      const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
      await end(service);
      const { status } = await service.post('/connect/completions', { code, user_id: 'alice' });
      expect([401, 403]).toContain(status);
      expect(await grants()).toHaveLength(0);
    });
  });

  describe('of a service whose policy was narrowed and signed again', () => {
    test.each(["users = '{bob}'", "clients = '{second}'", `scopes = '{${ADS}}'`, 'force = false'])(
      'is refused in every step after %s',
      async (change) => {
        const url = await service.connectUrl({ ...ticket, force: true });
        const held = await begin({ force: true });
        const back = await visitConsent(held.consent, { account: ALICE.email });
        await bed.sql(`UPDATE services SET ${change}, mac = NULL WHERE id = $1`, [idOf(service)]);
        await adoptServices(bed.app.get(Database), bed.app.get(Sealer));
        expect((await new Browser().open(url)).status).toBe(403);
        // Ends the ticket, whose link then shows that end.
        const form = { ticket: new URL(url).searchParams.get('ticket') ?? '' };
        expect((await new Browser().submit(new URL('/connect', url), form)).status).toBe(403);
        expect((await held.browser.open(back)).text).toContain('may not ask for this any more');
        expect(bed.google.control.count('token')).toBe(0);
        expect(await grants()).toHaveLength(0);
      },
    );
  });

  test('offers no retry after a denied consent to a service that was revoked', async () => {
    const { browser, consent } = await begin();
    const back = await visitConsent(consent, { account: ALICE.email, deny: true });
    await ends[0]?.[1](service);
    expect((await browser.open(back)).text).not.toContain('/connect?ticket=');
  });

  exhaustive.test('hands out no token that Google gives while its service is revoked', async () => {
    await service.connect(ticket, { account: ALICE.email });
    bed.clock.advance(3600);
    bed.google.control.latency('token', 700);
    const before = bed.google.control.count('token');
    const pending = service.token('alice');
    await until(() => bed.google.control.count('token') > before);
    await ends[0]?.[1](service);
    const response = await pending;
    expect(response.status).toBe(401);
    expect(response.text).not.toContain('ya29.');
  });

  test('keeps its first expiry, however often the user tries again', async () => {
    let url = await service.connectUrl(ticket);
    const tryAgain = async () => {
      const response = await new Browser().connect(url, { account: ALICE.email, deny: true });
      return /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(response.text)?.[1] ?? null;
    };
    for (let round = 0; round < 2; round++) {
      const next = await tryAgain();
      expect(next).not.toBeNull();
      url = next ?? '';
      bed.clock.advance(12 * 60);
    }
    // 24 minutes after the first: one more link, good for 6 minutes.
    const last = await tryAgain();
    bed.clock.advance(6 * 60 + 1);
    const late = await new Browser().open(last ?? '');
    expect(late.status).toBe(400);
    expect(late.text).toContain('older than 30 minutes');
  });

  test('offers no retry after its time is over', async () => {
    const { browser, consent } = await (async () => {
      const url = await service.connectUrl(ticket);
      bed.clock.advance(29 * 60);
      const browser = new Browser();
      return { browser, consent: await browser.begin(url) };
    })();
    const back = await visitConsent(consent, { account: ALICE.email, deny: true });
    bed.clock.advance(2 * 60);
    const response = await browser.open(back);
    expect(response.text).toContain('Not connected');
    expect(response.text).not.toContain('/connect?ticket=');
  });

  test('has a completion code that another service cannot use, and that stays valid for its own', async () => {
    const { browser, consent } = await begin({ confirm: true, return_to: `${APP}/done` });
    const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const other = await bed.service();
    const stolen = await other.post('/connect/completions', { code, user_id: 'alice' });
    const madeUp = await other.post('/connect/completions', { code: 'A'.repeat(43), user_id: 'alice' });
    expect(stolen.status).toBe(400);
    expect({ ...stolen.body, request_id: '' }).toEqual({ ...madeUp.body, request_id: '' });
    expect((await service.post('/connect/completions', { code, user_id: 'alice' })).status).toBe(200);
  });
});
