import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser as Chromium, Page } from 'playwright-core';
import { Loopback, pageOf } from '../../src/cli/ads-credentials/consent/loopback.js';
import type { ConnectOutcome } from '../../src/domain/connect/connect-outcome.js';
import type { RequiredAccount } from '../../src/domain/connect/connect-request.js';
import { LOCALES, type Locale } from '../../src/pages/locale.js';
import { plainBranding } from '../../src/pages/page-context.js';
import { resultPage, unfinishedPage, waitingPage } from '../../src/pages/result-page.js';
import { BrandingRegistry } from '../../src/services/branding-registry.js';
import { type Api, Browser } from '../support/api.js';
import {
  accessibilityFaults,
  describeInChromium,
  DESKTOP,
  fitsWidth,
  launchChromium,
  PHONE,
  screenshot,
} from '../support/chromium.js';
import { pngOf } from '../support/png.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

const AUTH = 'https://www.googleapis.com/auth/';
const SCOPE = [YOUTUBE, YOUTUBE_MONEY, `${AUTH}calendar.readonly`, `${AUTH}drive.file`].join(' ');
/** Long, without a space, and of several scripts. */
const LONG_ID = `auth0|${'5f7c8ec7c33c6c004bbafe82'.repeat(9)}`;
const LONG_NAME = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikation';
const UNKNOWN = `${AUTH}${'some.quite-new_api.'.repeat(9)}readonly`;
const REASONS = {
  [YOUTUBE_MONEY]: 'To put your revenue beside your sales, in one report.',
  [`${AUTH}drive.file`]: 'لحفظ تقاريرك',
};
const WEBVIEW =
  'Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Version/4.0 Chrome/123.0.0.0 Mobile Safari/537.36';
const BROWSER_LANGUAGES: Readonly<Record<Locale, string>> = {
  en: 'en-GB',
  id: 'id-ID',
  fr: 'fr-FR',
  de: 'de-DE',
};

let bed: TestBed;
let chromium: Chromium;
let acme: Api;
let long: Api;
let users = 0;
const loopbacks: Loopback[] = [];

describeInChromium('every page', () => {
  beforeAll(async () => {
    [bed, chromium] = await Promise.all([startTestBed(), launchChromium()]);
    acme = await appWith({
      displayName: 'Acme Reports',
      logo: pngOf(64, [11, 122, 75]),
      colour: '#0b7a4b',
      privacyUrl: 'https://acme.example/privacy',
      supportUrl: 'https://acme.example/help',
    });
    long = await appWith({
      displayName: LONG_NAME,
      colour: '#ffd400',
      supportUrl: 'https://acme.example/help',
    });
  });
  afterAll(async () => {
    for (const loopback of loopbacks) loopback.close();
    await chromium.close();
    await bed.stop();
  });

  async function appWith(branding: Parameters<BrandingRegistry['update']>[1]): Promise<Api> {
    const api = await bed.service();
    await bed.app.get(BrandingRegistry).update(api.key.split('_')[1] ?? '', branding);
    return api;
  }

  /** What brings a browser to a page; from then on it stays there, whatever language the browser asks for. */
  const PAGES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
    connect: async (page) =>
      page.goto(
        await link(acme, {
          user_label: 'Alice Example',
          require_account: { email: ALICE.email },
          reasons: REASONS,
        }),
      ),
    'connect-long': async (page) => {
      const account_hint = `${'a'.repeat(60)}@${'b'.repeat(60)}.example`;
      await page.goto(await link(long, { user_id: LONG_ID, scope: `${SCOPE} ${UNKNOWN}`, account_hint }));
    },
    'connect-plain': async (page) =>
      page.goto(await link(bed.api, { require_account: { hd: 'example.com' } })),
    'connect-right-to-left': async (page) => {
      const app = await appWith({ displayName: 'تقارير أكمي', colour: '#7a1fa2' });
      await page.goto(await link(app, { user_label: 'מרים כהן' }));
    },
    embedded: async (page) => {
      await page.route('**/connect?*', (route) =>
        route.continue({ headers: { ...route.request().headers(), 'user-agent': WEBVIEW } }),
      );
      await page.goto(await link(acme, {}));
    },
    complete: async (page) => connect(page, await link(acme, {}), ALICE.email),
    partial: async (page) =>
      connect(page, await link(acme, { reasons: REASONS }), ALICE.email, { untick: [YOUTUBE_MONEY] }),
    held: async (page) => {
      const user_id = 'held';
      await connect(page, await link(acme, { user_id }), ALICE.email);
      await page.goto(await link(acme, { user_id, account_hint: ALICE.email }));
      await page.locator(CONTINUE).click();
    },
    denied: async (page) => connect(page, await link(acme, {}), ALICE.email, { deny: true }),
    'wrong-account': async (page) =>
      connect(
        page,
        await link(acme, { require_account: { email: ALICE.email }, return_to: `${APP}/settings` }),
        BOB.email,
      ),
    'my-grants-link': async (page) => page.goto(await link(acme, MANAGE)),
    'my-grants': (page) => myGrants(page, acme),
    'my-grants-long': (page) => myGrants(page, long, { user_id: LONG_ID, user_label: LONG_NAME }),
    'my-grants-disconnect': async (page) => {
      await myGrants(page, acme);
      await page.locator('a[href*="/me/grants/disconnect"]').first().click();
    },
    'my-grants-after': async (page) => {
      await myGrants(page, acme, {}, async (user_id) => {
        bed.google.control.revokeByUser(BOB.sub, 'project-a');
        bed.clock.advance(3600);
        await acme.token(user_id, { scope: YOUTUBE, account: BOB.email });
      });
      await page.locator('a[href*="/me/grants/disconnect"]').first().click();
      await page.locator('button.danger').click();
    },
    'link-of-another-browser': async (page) => {
      const url = await link(acme, { return_to: `${APP}/settings` });
      await new Browser().begin(url);
      await page.goto(url);
    },
    'link-damaged': (page) => page.goto(`${bed.url}/connect?ticket=x`),
    'not-found': (page) => page.goto(`${bed.url}/nothing`),
    'no-state': (page) => page.goto(`${bed.url}/callback`),
    ...served({
      'wrong-domain': outcomePage(
        { kind: 'failed', code: 'wrong_account', detail: '', cause: 'wrong_account', account: BOB },
        { hd: 'example.com' },
      ),
      cancelled: outcomePage({ kind: 'cancelled' }),
      expired: outcomePage({ kind: 'expired', cause: 'ticket_expired' }),
      pending: outcomePage({ kind: 'pending', code: 'x' }),
      finishing: outcomePage({ kind: 'finishing', cause: 'timeout', code: null }),
      waiting: (locale) => waitingPage(acmeIn(locale)),
      unfinished: (locale) => unfinishedPage(acmeIn(locale), `${bed.url}/connect`),
      changed: outcomePage({
        kind: 'granted',
        grantId: '',
        account: BOB,
        scopes: [YOUTUBE],
        missing: [],
        unrequested: [],
        insteadOf: [ALICE],
      }),
      failed: outcomePage({
        kind: 'failed',
        code: 'policy_rejected',
        detail: '',
        cause: 'admin_policy_enforced',
        google: { error: 'admin_policy_enforced', subtype: null },
      }),
      'terminal-done': pageOf({ kind: 'done', account: ALICE.email }),
      'terminal-in-part': pageOf({
        kind: 'in_part',
        account: ALICE.email,
        missing: [YOUTUBE_MONEY, UNKNOWN],
      }),
      'terminal-denied': pageOf({ kind: 'denied' }),
      'terminal-failed': pageOf({ kind: 'failed', detail: 'The answer is not for this consent.' }),
      'terminal-waiting': pageOf({ kind: 'waiting' }),
      'terminal-over': pageOf({ kind: 'over' }),
    }),
  };

  test.each(Object.keys(PAGES))(
    '%s can be read by everyone, in each language, on a phone and on a desktop, in light and in dark',
    async (name) => {
      const context = await chromium.newContext({ viewport: PHONE, reducedMotion: 'reduce' });
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4/.test(message.text())) faults.push(message.text());
      });
      await PAGES[name]?.(page);
      for (const locale of LOCALES) {
        await context.setExtraHTTPHeaders({ 'accept-language': BROWSER_LANGUAGES[locale] });
        await page.reload();
        expect(await page.locator('html').getAttribute('lang')).toBe(locale);
        // Colours do not depend on the language.
        for (const look of LOOKS.filter(({ isForAll }) => isForAll || locale === 'en')) {
          await page.setViewportSize(look.viewport);
          await page.emulateMedia({ colorScheme: look.colorScheme });
          const found = look.isChecked ? await accessibilityFaults(page) : [];
          if (!(await fitsWidth(page))) found.push('wider than the screen');
          faults.push(...found.map((fault) => `${locale}, ${look.name}: ${fault}`));
          await screenshot(page, `${name}-${locale}-${look.name}`);
        }
      }
      await context.close();
      expect(faults).toEqual([]);
    },
  );

  test('works without scripts, by the keyboard, and to the end', async () => {
    const context = await chromium.newContext({ javaScriptEnabled: false, viewport: PHONE });
    const page = await context.newPage();
    await page.goto(await link(acme, {}));
    await page.locator(CONTINUE).focus();
    await Promise.all([page.waitForURL('**/o/oauth2/**'), page.keyboard.press('Enter')]);
    await consentAtGoogle(page, ALICE.email, {});
    expect(await page.locator('h1').textContent()).toBe('Connected');
    await context.close();
  });

  test('reads its signs to no one, and keeps its outlines where colours are forced', async () => {
    const context = await chromium.newContext({ viewport: PHONE, forcedColors: 'active' });
    const page = await context.newPage();
    await page.goto(`${bed.url}/connect?ticket=x`);
    expect(await page.locator('body').ariaSnapshot()).toMatch(
      /^- main:\n {2}- heading "This link does not work" \[level=1\]\n/,
    );
    await page.goto(await link(acme, {}));
    const border = await page.locator(CONTINUE).evaluate((button) => {
      const { getComputedStyle } = globalThis as unknown as {
        getComputedStyle: (element: unknown) => { borderTopStyle: string };
      };
      return getComputedStyle(button).borderTopStyle;
    });
    expect(border).toBe('solid');
    await screenshot(page, 'connect-forced-colours');
    expect(await page.locator('body').ariaSnapshot()).not.toMatch(/[✓✕!]|img/);
    await context.close();
  });

  test('shows the logo that the broker serves', async () => {
    const page = await chromium.newPage();
    await page.goto(await link(acme, {}));
    const width = await page
      .locator('img.logo')
      .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    expect(width).toBe(64);
    await page.close();
  });
});

const CONTINUE = 'main form button:not([name])';

const LOOKS = [
  { viewport: PHONE, colorScheme: 'light', name: 'phone', isForAll: true, isChecked: true },
  { viewport: DESKTOP, colorScheme: 'light', name: 'desktop', isForAll: true, isChecked: false },
  { viewport: DESKTOP, colorScheme: 'dark', name: 'desktop-dark', isForAll: false, isChecked: true },
] as const;

function link(app: Api, ticket: Record<string, unknown>): Promise<string> {
  return app.connectUrl({ user_id: `user-${++users}`, scope: SCOPE, ...ticket });
}

const MANAGE = { purpose: 'manage', scope: undefined };

/** The page of a user with a grant that is complete, and one that is not. */
async function myGrants(
  page: Page,
  app: Api,
  ticket: Record<string, unknown> = {},
  before: (userId: string) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const user_id = `user-${++users}`;
  const of = { user_id, another_account: true, ...ticket };
  await connect(page, await link(app, of), ALICE.email);
  // Without the hint, Google is asked first who the user is.
  const second = await link(app, { ...of, account_hint: BOB.email });
  await connect(page, second, BOB.email, { untick: [YOUTUBE_MONEY] });
  await before(user_id);
  await page.goto(await link(app, { user_id, ...ticket, ...MANAGE }));
  await page.locator(CONTINUE).click();
}

interface ConsentChoice {
  readonly untick?: readonly string[];
  readonly deny?: boolean;
}

/** The whole way, through the broker's and Google's pages. */
async function connect(page: Page, url: string, account: string, choice: ConsentChoice = {}): Promise<void> {
  await page.goto(url);
  await page.locator(CONTINUE).click();
  await page.waitForURL(isAtGoogle);
  await consentAtGoogle(page, account, choice);
  await page.waitForURL((now) => !isAtGoogle(now));
}

async function consentAtGoogle(
  page: Page,
  account: string,
  { untick = [], deny = false }: ConsentChoice,
): Promise<void> {
  const choice = page.getByRole('button', { name: account });
  const other = page.getByRole('link', { name: 'Use another account' });
  if ((await other.count()) > 0 && !(await page.locator('main').innerText()).includes(account)) {
    await other.click();
    await choice.waitFor();
  }
  if ((await choice.count()) > 0) await choice.click();
  for (const scope of untick) await page.locator(`input[value="${scope}"]`).uncheck();
  await page.getByRole('button', { name: deny ? 'Cancel' : 'Continue' }).click();
}

function isAtGoogle({ origin }: URL): boolean {
  return origin === bed.google.url;
}

function acmeIn(locale: Locale) {
  return { locale, app: plainBranding('Acme'), backUrl: `${APP}/settings` };
}

function outcomePage(
  outcome: ConnectOutcome,
  requireAccount: RequiredAccount | null = null,
): (locale: Locale) => string {
  const connectRequest = { accountHint: null, requireAccount };
  return (locale) => resultPage(acmeIn(locale), { outcome, nextStep: null, connectRequest });
}

/** Pages that only an outage or the command line leads to, by the command line's server. */
function served(pages: Readonly<Record<string, (locale: Locale) => string>>) {
  return Object.fromEntries(
    Object.entries(pages).map(([name, html]) => [
      name,
      async (page: Page) => {
        const loopback = await Loopback.open({
          hosts: ['127.0.0.1'],
          port: 0,
          path: '/',
          redirectUri: null,
        });
        loopbacks.push(loopback);
        // Without an outcome it waits for another visit.
        void loopback
          .receive(() => Promise.resolve({ reply: { status: 200, page: html } }), 600)
          .catch(() => null);
        await page.goto(`${loopback.redirectUri}/?state=x`);
      },
    ]),
  );
}
