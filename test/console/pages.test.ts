/** The console in a real browser: readable and without faults of accessibility, narrow and wide, light and dark, without scripts. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import {
  accessibilityFaults,
  describeInChromium,
  DESKTOP,
  fitsWidth,
  launchChromium,
  PHONE,
  screenshot,
} from '../support/chromium.js';
import { ALICE, BOB, startTestBed, type TestBed } from '../support/test-bed.js';
import { fillConsole } from './fill-console.js';

const LOOKS = (['light', 'dark'] as const).flatMap((scheme) => [
  [`narrow and ${scheme}`, { colorScheme: scheme, viewport: PHONE }] as const,
  [`wide and ${scheme}`, { colorScheme: scheme, viewport: DESKTOP }] as const,
]);

describeInChromium('the console in Chromium', () => {
  let bed: TestBed;
  let chromium: Browser;
  beforeAll(async () => {
    bed = await startTestBed({ CONSOLE_OPERATORS: ALICE.email, CONSOLE_VIEWERS: BOB.email });
    await fillConsole(bed);
    chromium = await launchChromium();
  });
  afterAll(async () => {
    await chromium.close();
    await bed.stop();
  });

  test.each(LOOKS)('is without faults and fits the screen, %s', async (name, look) => {
    const context = await chromium.newContext(look);
    const page = await context.newPage();
    await page.goto(`${bed.url}/console`);
    await look_at(page, `console-sign-in ${name}`);
    await signIn(page, ALICE.email);
    expect(await page.title()).toBe('Overview · Token broker');
    for (const period of ['hour', 'day', 'month']) {
      await page.goto(`${bed.url}/console?period=${period}`);
      await look_at(page, `console-overview-${period} ${name}`);
    }
    await page.locator('summary').first().click();
    await look_at(page, `console-overview-table ${name}`);
    await page.goto(`${bed.url}/console/callback`);
    await look_at(page, `console-problem ${name}`);
    await context.close();
  });

  test('signs in, counts and signs out by keyboard alone, without scripts', async () => {
    const context: BrowserContext = await chromium.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${bed.url}/console`);
    await signIn(page, ALICE.email);
    await page.getByRole('button', { name: 'Count again' }).press('Enter');
    await page.waitForURL(`${bed.url}/console`);
    await page.getByRole('button', { name: 'Sign out' }).press('Enter');
    await page.getByText('You are signed out.').waitFor();
    await context.close();
  });
});

async function look_at(page: Page, name: string): Promise<void> {
  await screenshot(page, name.replaceAll(' ', '-'));
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(await fitsWidth(page)).toBe(true);
}

/** Through the stand-in's account chooser and consent page. */
async function signIn(page: Page, account: string): Promise<void> {
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await page.getByRole('button', { name: account }).click();
  const consent = page.getByRole('button', { name: 'Continue' });
  if (await consent.isVisible()) await consent.click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}
