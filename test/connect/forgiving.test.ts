/**
 * In the browser that began, nothing but the end ends a connect: Back, a second tab, a double click and a reload lead on, and
 * show the outcome again once there is one. Another browser gets nothing.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { AuthorizationRequestsRepository } from '../../src/token-store/connects/authorization-requests.repository.js';
import { type ApiResponse, Browser } from '../support/api.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { type Choice, visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ GOOGLE_TIMEOUT_MS: '8000' });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

const TICKET = { user_id: 'alice', scope: YOUTUBE };
const consentOf = (consent: URL, choice: Partial<Choice> = {}) =>
  visitConsent(consent, { account: ALICE.email, ...choice });
const press = (browser: Browser, url: string, more: Record<string, string> = {}) =>
  browser.submit(new URL('/connect', url), {
    ticket: new URL(url).searchParams.get('ticket') ?? '',
    ...more,
  });
const consentUrlOf = (response: ApiResponse) => {
  expect(response.status).toBe(303);
  const url = new URL(response.headers.get('location') ?? '');
  expect(url.pathname).toBe('/o/oauth2/v2/auth');
  return url;
};
/** Loads that come too late. */
const LATE = 3;
const exchanges = () => bed.google.control.count('token', 'authorization_code');
const grants = () => bed.sql('SELECT * FROM grants');

describe.each([
  ['that a service made', (more: { return_to?: string }) => bed.api.connectUrl({ ...TICKET, ...more })],
  [
    'of a refusal',
    async (more: { return_to?: string }) => {
      const query = { scope: YOUTUBE, ...more };
      return String((await bed.api.token('alice', query)).body['connect_url']);
    },
  ],
])('the link %s', (_, link) => {
  test('leads to Google again after Back, each time with another state, nonce and verifier', async () => {
    const [url, browser] = [await link({}), new Browser()];
    const [first, second] = [await browser.begin(url), await browser.begin(url)];
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(first.searchParams.get(name)).not.toBe(second.searchParams.get(name));
    expect((await browser.open(await consentOf(second))).text).toContain('Connected');
    expect(await grants()).toHaveLength(1);
  });

  test('leads to Google for both clicks of a double click, and either of them finishes', async () => {
    const [url, browser] = [await link({}), new Browser()];
    await browser.open(url);
    const responses = await Promise.all([press(browser, url), press(browser, url)]);
    const [first] = responses.map(consentUrlOf);
    expect((await browser.open(await consentOf(first ?? new URL(url)))).text).toContain('Connected');
  });

  test('shows the outcome again once it is finished, on a page without a code or a state', async () => {
    const [url, browser] = [await link({}), new Browser()];
    await browser.connect(url, { account: ALICE.email });
    const [page, pressed] = [await browser.open(url), await press(browser, url)];
    expect([page.status, pressed.status]).toEqual([200, 200]);
    expect(page.text).toContain('Connected');
    expect(pressed.text).toContain(ALICE.email);
    expect(exchanges()).toBe(1);
  });

  test('leads back to the app again once it is finished', async () => {
    const [url, browser] = [await link({ return_to: `${APP}/done` }), new Browser()];
    const first = await browser.connect(url, { account: ALICE.email });
    expect(first.headers.get('location')).toBe(`${APP}/done?connect=success`);
    for (const again of [await browser.open(url), await press(browser, url)])
      expect(again.headers.get('location')).toBe(`${APP}/done?connect=success`);
  });

  test('leads back to an address that has an outcome already without that one', async () => {
    const earlier = `${APP}/done?connect=failed&connect_error=expired&connect_code=x&connect_account=changed&tab=a`;
    const back = await new Browser().connect(await link({ return_to: earlier }), { account: ALICE.email });
    expect(back.headers.get('location')).toBe(`${APP}/done?tab=a&connect=success`);
  });

  test('is refused to another browser, before and after the end, in words that help', async () => {
    const [url, browser] = [await link({}), new Browser()];
    const consent = await browser.begin(url);
    for (const when of ['before', 'after']) {
      if (when === 'after') await browser.open(await consentOf(consent));
      for (const response of [await new Browser().open(url), await press(new Browser(), url)]) {
        expect(response.status).toBe(400);
        expect(response.text).toContain('Continue in that browser');
        expect(response.text).not.toContain(ALICE.email);
      }
    }
  });
});

/** What social networks, mail programs and advertisers append to a link; a value need be no UTF-8. */
const APPENDED = 'fbclid=IwAR0x&utm_source=mail&utm_source=again&constructor=x&gclid=%FF%00';

test('a connect works through links to which others appended parameters', async () => {
  const [url, browser] = [await bed.api.connectUrl(TICKET), new Browser()];
  const consent = await browser.begin(`${url}&${APPENDED}`);
  expect((await browser.open(await consentOf(consent))).text).toContain('Connected');
  const { pathname, search } = new URL(url);
  for (const path of [`${pathname}${search}`, '/connect/result?refused=state_missing'])
    expect((await browser.open(`${bed.url}${path}&${APPENDED}`)).text).toMatch(
      /Connected|cannot be opened by itself/,
    );
  // What services send is refused, as a likely typo.
  const typo = await bed.api.token('alice', { scope: YOUTUBE, utm_source: 'mail' });
  expect(typo).toMatchObject({ status: 400, body: { errors: { utm_source: 'is not known here.' } } });
});

describe('the address of the callback', () => {
  const begin = async (more: Record<string, unknown> = {}) => {
    const [url, browser] = [await bed.api.connectUrl({ ...TICKET, ...more }), new Browser()];
    return { url, browser, consent: await browser.begin(url) };
  };

  test('is left for one without code and state, which can be loaded again', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(back, { redirect: 'manual', headers: { accept: 'text/html', cookie } });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(/^\/connect\/result\?ticket=[a-z0-9]{12}$/);
    const page = new URL(response.headers.get('location') ?? '', back);
    for (let load = 0; load < 2; load++) expect((await browser.open(page)).text).toContain('Connected');
    expect((await new Browser().open(page)).text).not.toContain(ALICE.email);
  });

  test.each([
    ['of another browser', () => new Browser(), (back: URL) => back, 'Please start again in this browser'],
    [
      'with another issuer',
      null,
      (back: URL) => {
        back.searchParams.set('iss', 'https://evil.example');
        return back;
      },
      'does not come from Google',
    ],
    [
      'with a made-up state',
      null,
      (back: URL) => {
        back.searchParams.set('state', 'a'.repeat(43));
        return back;
      },
      'no connect that is in progress',
    ],
    [
      'with a state given twice',
      null,
      (back: URL) => {
        back.searchParams.append('state', 'b');
        return back;
      },
      'cannot be used',
    ],
  ])('is left for one without code and state by a refusal %s', async (_, other, change, text) => {
    const { browser, consent } = await begin();
    const back = change(await consentOf(consent));
    const cookie = [...(other?.() ?? browser).cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', cookie, 'x-request-id': 'refused-call' };
    const response = await fetch(back, { redirect: 'manual', headers });
    expect(response.status).toBe(303);
    const location = new URL(response.headers.get('location') ?? '', back);
    expect(Object.keys(Object.fromEntries(location.searchParams))).toEqual(['refused', 'request']);
    const page = await browser.open(location);
    expect(page.status).toBe(400);
    expect(page.text).toContain(text);
    expect(page.text).toContain('refused-call');
    expect(exchanges()).toBe(0);
  });

  test('leads back to the app again', async () => {
    const { browser, consent } = await begin({ return_to: `${APP}/done`, confirm: true });
    const back = await consentOf(consent);
    const [first, again] = [await browser.open(back), await browser.open(back)];
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('location')).toContain('connect_code=');
    expect(exchanges()).toBe(1);
  });

  test('leads to the outcome for each of five loads at the same moment, with one exchange', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    const responses = await Promise.all(Array.from({ length: 5 }, () => browser.open(back)));
    for (const { text } of responses) expect(text).toContain('Connected');
    expect(exchanges()).toBe(1);
    expect(await grants()).toHaveLength(1);
  });

  test('leads to the outcome for loads that read the ticket before another one exchanges the code, and the request after it', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    const requests = bed.app.get(AuthorizationRequestsRepository);
    const [find, held, release] = [requests.find.bind(requests), { count: 0 }, Promise.withResolvers<null>()];
    const late: Promise<ApiResponse>[] = [];
    let reads = 0;
    // Each load reads the request, then its ticket, then the request again: there the late ones stop.
    requests.find = async (stateHash) => {
      reads++;
      if (reads <= 2 * LATE && reads % 2 === 0) {
        held.count++;
        await release.promise;
      }
      return find(stateHash);
    };
    try {
      for (let load = 1; load <= LATE; load++) {
        late.push(browser.open(back));
        await until(() => held.count === load);
      }
      bed.google.control.latency('token', 700);
      const first = browser.open(back);
      await until(() => exchanges() === 1);
      release.resolve(null);
      for (const { text } of await Promise.all([first, ...late])) expect(text).toContain('Connected');
      expect(exchanges()).toBe(1);
      expect(await grants()).toHaveLength(1);
    } finally {
      Reflect.deleteProperty(requests, 'find');
    }
  });

  test('is not used up by HEAD', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const head = await fetch(back, { method: 'HEAD', redirect: 'manual', headers: { cookie } });
    expect(head.status).toBe(200);
    expect(exchanges()).toBe(0);
    expect((await browser.open(back)).text).toContain('Connected');
  });

  test('leads on to Google again, with another state, where the user took longer than ten minutes', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    bed.clock.advance(601);
    const again = consentUrlOf(await browser.open(back));
    expect(again.searchParams.get('state')).not.toBe(consent.searchParams.get('state'));
    expect(exchanges()).toBe(0);
    expect((await browser.open(await consentOf(again))).text).toContain('Connected');
  });

  test('takes a no for a no where the user took longer than ten minutes', async () => {
    const { url, browser, consent } = await begin({ return_to: `${APP}/done` });
    const back = await consentOf(consent, { deny: true });
    bed.clock.advance(601);
    const response = await browser.open(back);
    expect(response.headers.get('location')).toBe(`${APP}/done?connect=denied&connect_error=access_denied`);
    const again = await browser.open(url);
    expect(again.headers.get('location')).toBe(response.headers.get('location'));
  });

  test('takes a no for a no where another tab of the same browser began later', async () => {
    const { url, browser, consent } = await begin({ return_to: `${APP}/done` });
    await browser.begin(url);
    const response = await browser.open(await consentOf(consent, { deny: true }));
    expect(response.headers.get('location')).toContain('connect=denied');
  });

  test('leads back to the app once the time of the connect is over', async () => {
    const { browser, consent } = await begin({ return_to: `${APP}/done` });
    const back = await consentOf(consent);
    bed.clock.advance(31 * 60);
    const location = (await browser.open(back)).headers.get('location');
    expect(location).toBe(`${APP}/done?connect=failed&connect_error=expired`);
  });

  test('takes a no for a no where the time of the connect is over and nothing has ended it yet', async () => {
    const { browser, consent } = await begin({ return_to: `${APP}/done` });
    const back = await consentOf(consent, { deny: true });
    bed.clock.advance(30 * 60 - 5);
    // The job that ends it comes again in ten seconds.
    await bed.app.get(Scheduler).runNow('expire connect tickets');
    bed.clock.advance(8);
    const { headers } = await browser.open(back);
    expect(headers.get('location')).toBe(`${APP}/done?connect=denied&connect_error=access_denied`);
    expect(await bed.sql('SELECT state, reason FROM connect_tickets')).toEqual([
      { state: 'denied', reason: 'access_denied' },
    ]);
  });

  test('leads on after Back to the page of a sign-in that was answered', async () => {
    await bed.api.connect(TICKET, { account: BOB.email });
    const { browser, consent } = await begin({ another_account: true });
    expect(consent.searchParams.get('prompt')).toBe('select_account');
    const back = await consentOf(consent);
    const second = consentUrlOf(await browser.open(back));
    expect(second.searchParams.get('login_hint')).toBe(ALICE.email);
    // The answer of the first page once more: its state was used.
    const third = consentUrlOf(await browser.open(back));
    const done = await browser.open(await consentOf(await nextOf(browser, third)));
    expect(done.text).toContain('Connected');
  });

  /** A plain sign-in is followed by the consent. */
  const nextOf = async (browser: Browser, url: URL) =>
    url.searchParams.get('prompt') === 'select_account'
      ? consentUrlOf(await browser.open(await consentOf(url)))
      : url;

  test('of two tabs gives both the outcome of the first one that comes back', async () => {
    const { url, browser, consent } = await begin();
    const other = consentUrlOf(await press(browser, url));
    const [back, late] = [await consentOf(consent), await consentOf(other, { account: BOB.email })];
    bed.google.control.latency('token', 300);
    const first = browser.open(back);
    await until(() => exchanges() === 1);
    const responses = await Promise.all([first, browser.open(late)]);
    for (const { text } of responses) expect(text).toContain(ALICE.email);
    expect(exchanges()).toBe(1);
    expect(await grants()).toHaveLength(1);
  });

  test('can be loaded again where the database did not take that its state is used', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    const used = 'ADD CONSTRAINT unused CHECK (consumed_at IS NULL) NOT VALID';
    await bed.sql(`ALTER TABLE authorization_requests ${used}`);
    const failed = await browser.open(back);
    await bed.sql('ALTER TABLE authorization_requests DROP CONSTRAINT unused');
    expect(failed.status).toBe(500);
    expect((await browser.open(back)).text).toContain('Connected');
    expect(exchanges()).toBe(1);
  });

  test('can be loaded again where the exchange failed in the broker', async () => {
    const { browser, consent } = await begin();
    const back = await consentOf(consent);
    await bed.sql('ALTER TABLE pending_exchanges ADD CONSTRAINT nothing CHECK (false)');
    const failed = await browser.open(back);
    await bed.sql('ALTER TABLE pending_exchanges DROP CONSTRAINT nothing');
    expect(failed.status).toBe(500);
    const again = consentUrlOf(await browser.open(back));
    expect((await browser.open(await consentOf(again))).text).toContain('Connected');
  });
});

describe('the page of the result', () => {
  const begin = async (more: Record<string, unknown> = {}) => {
    const [{ id, url }, browser] = [await bed.api.ticket({ ...TICKET, ...more }), new Browser()];
    const consent = await browser.begin(url);
    return { browser, consent, show: () => browser.open(`${bed.url}/connect/result?ticket=${id}`) };
  };

  test('asks the user to wait while an answer is exchanged, and not before', async () => {
    const { browser, consent, show } = await begin();
    const early = await show();
    expect(early.text).toContain('Not finished yet');
    expect(early.text).not.toContain('still being stored');
    bed.google.control.latency('token', 700);
    const back = browser.open(await consentOf(consent));
    await until(() => exchanges() === 1);
    expect((await show()).text).toContain('still being stored');
    expect((await back).text).toContain('Connected');
  });

  test('leads on where there is no answer, and to the app once the time is over', async () => {
    const { browser, show } = await begin({ return_to: `${APP}/done` });
    const again = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec((await show()).text)?.[1] ?? '';
    const done = await browser.connect(again, { account: ALICE.email });
    expect(done.headers.get('location')).toBe(`${APP}/done?connect=success`);
    bed.clock.advance(31 * 60);
    const late = await show();
    expect(late.headers.get('location')).toBe(`${APP}/done?connect=failed&connect_error=expired`);
  });
});

describe('the second button of the page', () => {
  test('leads back to the app, which learns that the user said no', async () => {
    const { id, url } = await bed.api.ticket({ ...TICKET, return_to: `${APP}/done` });
    const browser = new Browser();
    const page = await browser.open(url);
    expect(page.text).toMatch(/<button type="submit" name="cancel"/);
    const left = await press(browser, url, { cancel: 'yes' });
    expect(left.headers.get('location')).toBe(`${APP}/done?connect=denied&connect_error=access_denied`);
    const { body } = await bed.api.get(`/connect/tickets/${id}`);
    expect(body).toMatchObject({ state: 'denied', reason: 'user_cancelled' });
    expect((await browser.open(url)).headers.get('location')).toContain('connect=denied');
    expect(await bed.app.get(Metrics).registry.metrics()).toContain(
      'outcome="denied",cause="user_cancelled"',
    );
  });

  test('says that nothing was stored where there is no app to lead to', async () => {
    const url = await bed.api.connectUrl(TICKET);
    const browser = new Browser();
    const left = await press(browser, url, { cancel: 'yes' });
    expect(left.text).toContain('Not connected');
    expect(left.text).toContain('Try again');
  });

  test('says that the link has expired where it has', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    const browser = new Browser();
    await browser.open(url);
    bed.clock.advance(31 * 60);
    const early = await press(browser, url, { cancel: 'yes' });
    expect(early.text).toContain('This link has expired');
    await until(async () => (await bed.api.get(`/connect/tickets/${id}`)).body['ended_at'] !== null);
    const late = await press(browser, url, { cancel: 'yes' });
    expect(late.text).toContain('This link has expired');
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({ state: 'expired' });
  });

  test('leaves a connect that is at Google longer than its link is valid', async () => {
    const url = await bed.api.connectUrl({ ...TICKET, return_to: `${APP}/done` });
    const browser = new Browser();
    await browser.open(url);
    bed.clock.advance(25 * 60);
    await press(browser, url);
    bed.clock.advance(8 * 60);
    const left = await press(browser, url, { cancel: 'yes' });
    expect(left.headers.get('location')).toContain('connect=denied');
  });

  test('does not undo a connect that is finished', async () => {
    const url = await bed.api.connectUrl(TICKET);
    const browser = new Browser();
    await browser.connect(url, { account: ALICE.email });
    expect((await press(browser, url, { cancel: 'yes' })).text).toContain('Connected');
  });
});

describe('another account than the one whose grant is dead', () => {
  const die = async () => {
    await bed.api.connect(TICKET, { account: ALICE.email });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    const refused = await bed.api.token('alice');
    expect(refused.body).toMatchObject({ code: 'reconnect_required' });
    return String(refused.body['connect_url']);
  };
  const choose = async (browser: Browser, consent: URL, account: string) => {
    consent.searchParams.delete('login_hint');
    return browser.open(await visitConsent(consent, { account }));
  };

  test('is refused by the link of the refusal, on a page that names both and starts again with the right one', async () => {
    const url = await die();
    const browser = new Browser();
    const page = await choose(browser, await browser.begin(url), BOB.email);
    expect(page.text).toContain(BOB.email);
    expect(page.text).toContain(ALICE.email);
    expect(await bed.sql('SELECT account_sub FROM grants')).toEqual([{ account_sub: ALICE.sub }]);
    const link = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(page.text)?.[1] ?? '';
    const again = await new Browser().begin(link);
    expect(again.searchParams.get('login_hint')).toBe(ALICE.email);
  });

  test('is connected by a ticket that does not name one, and the outcome says so', async () => {
    await die();
    const { id, url } = await bed.api.ticket({ ...TICKET, return_to: `${APP}/done` });
    const browser = new Browser();
    const response = await choose(browser, await browser.begin(url), BOB.email);
    expect(response.headers.get('location')).toBe(`${APP}/done?connect=success&connect_account=changed`);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({
      state: 'success',
      account: { sub: BOB.sub, email: BOB.email },
      instead_of: [{ sub: ALICE.sub, email: ALICE.email }],
    });
  });

  test('is said on the page of the result where there is no app to lead to', async () => {
    await die();
    const browser = new Browser();
    const page = await choose(browser, await browser.begin(await bed.api.connectUrl(TICKET)), BOB.email);
    expect(page.text).toContain('another account than before');
    expect(page.text).toContain(ALICE.email);
  });

  test('is expected by a ticket for one more account', async () => {
    await die();
    const { id, url } = await bed.api.ticket({ ...TICKET, another_account: true });
    const browser = new Browser();
    await choose(browser, await browser.begin(url), BOB.email);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({
      state: 'success',
      instead_of: [],
    });
  });
});

test('an outcome goes to the app for what is refused at the button, too', async () => {
  const scope = `${YOUTUBE} ${YOUTUBE_MONEY}`;
  const service = await bed.service();
  const { url } = await service.ticket({ ...TICKET, scope, return_to: `${APP}/done` });
  await bed.sql('UPDATE services SET revoked_at = now() WHERE id = $1', [service.key.split('_')[1]]);
  const page = await new Browser().open(url);
  expect(page.status).toBe(403);
  expect(page.text).toContain(`href="${APP}/done?connect=failed&amp;connect_error=not_allowed"`);
  const response = await press(new Browser(), url);
  expect(response.headers.get('location')).toBe(`${APP}/done?connect=failed&connect_error=not_allowed`);
});
