/** The console in a real browser: readable and without faults of accessibility, narrow and wide, light and dark, without scripts. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import {
  accessibilityFaults,
  describeInChromium,
  DESKTOP,
  fitsWidth,
  launchChromium,
  PHONE,
  screenshot,
} from '../support/chromium.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { fillConsole } from './fill-console.js';

const DIFFERENT = ['color-contrast', 'target-size'];

describeInChromium('the console in Chromium', () => {
  let bed: TestBed;
  let chromium: Browser;
  let page: Page;
  beforeAll(async () => {
    // No server listens there: events wait.
    bed = await startTestBed({
      CONSOLE_OPERATORS: ALICE.email,
    });
    await bed.webhook({ url: 'http://127.0.0.1:9/' });
    await bed.api.connect({ user_id: 'dead', scope: YOUTUBE }, { account: ALICE.email });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3700);
    await bed.api.token('dead');
    // One part of the scopes only, and slots that another user takes too.
    const long = 'a-user-whose-id-is-as-long-as-those-that-apps-make-of-a-uuid-and-a-tenant';
    for (const user_id of ['alice', long])
      await bed.api.connect(
        { user_id, scope: `${YOUTUBE} ${YOUTUBE_MONEY}`, another_account: true },
        { account: ALICE.email, untick: [YOUTUBE_MONEY] },
      );
    await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
    await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    await fillConsole(bed);
    chromium = await launchChromium();
    page = await (await chromium.newContext()).newPage();
  });
  afterAll(async () => {
    await chromium.close();
    await bed.stop();
  });

  test('has a sign-in page without faults that fits every screen', async () => {
    await page.goto(`${bed.url}/console`);
    await look('console-sign-in');
  });

  exhaustive.test('shows what went wrong on a page without faults that fits every screen', async () => {
    await page.goto(`${bed.url}/console/callback`);
    await look('console-problem');
  });

  test('has an overview without faults that fits every screen', async () => {
    await page.goto(`${bed.url}/console?period=day`);
    await signIn(page);
    await page.locator('summary').first().click();
    await look('console-overview');
  });

  test.each(
    fewOf(
      [
        ['/console/users', 'Users'],
        ['/console/users/alice', 'alice'],
        ['/console/users/dead', 'dead'],
        ['/console/users/alice/offboard', 'Offboard alice'],
        ['/console/users/alice/link', 'A link for alice'],
        ['/console/users?text=no-one', 'Users'],
        ['/console/grants', 'Grants'],
        ['/console/services', 'Services'],
        ['/console/credentials', 'Delegated credentials'],
        ['/console/tickets', 'Tickets'],
        ['/console/webhooks', 'Webhooks'],
        ['/console/audit', 'Audit'],
      ],
      2,
    ),
  )('has a page %s without faults that fits every screen', async (path, title) => {
    await page.goto(bed.url + path);
    await page.getByRole('heading', { name: title, exact: true, level: 1 }).waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    await look(path.slice(1).replaceAll(/[/?=]/g, '-'));
  });

  test('disconnects a grant by keyboard, after its effects were shown', async () => {
    await page.goto(`${bed.url}/console/users/dead`);
    await page.getByRole('link', { name: /^Disconnect/ }).press('Enter');
    await page.getByText('Nothing is changed yet.').waitFor();
    await look('console-disconnect');
    await page.getByRole('button', { name: 'Disconnect' }).press('Enter');
    await page.getByText('The grant was deleted here only.').waitFor();
  });

  exhaustive.test('shows a grant that was disconnected, and makes a link, by keyboard', async () => {
    await page.goto(`${bed.url}/console/audit?action=grant.disconnect`);
    await page.getByRole('link', { name: /^grant/ }).press('Enter');
    await page.getByRole('heading', { name: 'A grant that was disconnected' }).waitFor();
    await look('console-grant');
    await page.goto(`${bed.url}/console/tickets`);
    await page.getByRole('textbox', { name: 'User id' }).fill('alice');
    await page.getByRole('button', { name: 'Make a link' }).press('Enter');
    await page.getByRole('textbox', { name: 'Scopes' }).fill(YOUTUBE);
    await page.getByRole('button', { name: 'Make the link' }).press('Enter');
    await page.getByText('It is shown once.').waitFor();
    await look('console-link');
  });

  test('signs in, counts and signs out by keyboard, without scripts', async () => {
    const context = await chromium.newContext({ javaScriptEnabled: false });
    const own = await context.newPage();
    await own.goto(`${bed.url}/console`);
    await signIn(own);
    await own.getByRole('button', { name: 'Count again' }).press('Enter');
    await own.getByRole('heading', { name: 'Overview' }).waitFor();
    await own.getByRole('button', { name: 'Sign out' }).press('Enter');
    await own.getByText('You are signed out.').waitFor();
    await context.close();
  });

  /** All rules in two of the four; in the others what differs by scheme and width: contrast, the size of targets, and the layout. */
  async function look(name: string): Promise<void> {
    for (const [scheme, width, viewport, rules] of fewOf([
      ['light', 'narrow', PHONE, undefined],
      ['light', 'wide', DESKTOP, DIFFERENT],
      ['dark', 'wide', DESKTOP, undefined],
      ['dark', 'narrow', PHONE, DIFFERENT],
    ] as const)) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: scheme });
      await screenshot(page, `${name}-${width}-${scheme}`);
      expect(await accessibilityFaults(page, rules?.slice())).toEqual([]);
      expect(await fitsWidth(page)).toBe(true);
    }
  }
});

/** Through the stand-in's account chooser and consent page. */
async function signIn(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await page.getByRole('button', { name: ALICE.email }).click();
  const consent = page.getByRole('button', { name: 'Continue' });
  if (await consent.isVisible()) await consent.click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}
