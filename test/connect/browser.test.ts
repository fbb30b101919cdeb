/** The walk of a user in a real browser: link, page, Google, result, and everything a person does besides. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults, describeInChromium, launchChromium } from '../support/chromium.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { exhaustive } from '../support/exhaustive.js';

describeInChromium('a connect in Chromium', () => {
  let bed: TestBed;
  let chromium: Browser;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    [bed, chromium] = await Promise.all([startTestBed({ GOOGLE_TIMEOUT_MS: '8000' }), launchChromium()]);
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    context = await chromium.newContext();
    page = await context.newPage();
  });
  afterAll(async () => {
    await chromium.close();
    await bed.stop();
  });

  const TICKET = { user_id: 'alice', scope: YOUTUBE };
  const go = (on: Page) => on.getByRole('button', { name: 'Continue to Google' }).click();
  const consent = async (on: Page, account = ALICE.email) => {
    await on.getByText(account).first().click();
    await on.getByRole('button', { name: 'Continue' }).click();
  };
  const address = () => new URL(page.url());

  test('ends at an address without code and state, after Back from Google and a reload of the result', async () => {
    const { id, url } = await bed.api.ticket(TICKET);
    await page.goto(url);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({ state: 'opened' });
    expect(await accessibilityFaults(page)).toEqual([]);
    const sent: Record<string, string>[] = [];
    page.on('request', (request) => void request.allHeaders().then((headers) => sent.push(headers)));
    await go(page);
    // Google's page is there: a browser cannot go back while it changes from one site to another.
    await page.getByText(ALICE.email).first().waitFor();
    // What a browser without Fetch Metadata is known by, and a ticket that Google does not get.
    expect(sent.find(({ ':method': method }) => method === 'POST') ?? sent[0]).toMatchObject({
      origin: bed.url,
    });
    const toGoogle = sent.filter(({ host }) => host === new URL(bed.google.url).host);
    expect(toGoogle.length).toBeGreaterThan(0);
    expect(JSON.stringify(toGoogle)).not.toContain('ticket');
    await page.goBack();
    await go(page);
    await consent(page);
    expect(await page.textContent('h1')).toBe('Connected');
    expect([address().pathname, [...address().searchParams.keys()]]).toEqual(['/connect/result', ['ticket']]);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.reload();
    expect(await page.textContent('h1')).toBe('Connected');
    await page.goto(url);
    expect(await page.textContent('h1')).toBe('Connected');
    expect(bed.google.control.count('token', 'authorization_code')).toBe(1);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({ state: 'success' });
  });

  exhaustive.test('is finished by either of two tabs, and both show the same outcome', async () => {
    const url = await bed.api.connectUrl(TICKET);
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await tab.goto(url);
      await go(tab);
    }
    await consent(other);
    await consent(page, BOB.email);
    for (const tab of [page, other]) expect(await tab.textContent('main')).toContain(ALICE.email);
  });

  exhaustive.test('is begun once by a double click', async () => {
    await page.goto(await bed.api.connectUrl(TICKET));
    await page.getByRole('button', { name: 'Continue to Google' }).dblclick();
    await consent(page);
    expect(await page.textContent('h1')).toBe('Connected');
  });

  exhaustive.test('is left by Cancel, and refused to another browser', async () => {
    const url = await bed.api.connectUrl(TICKET);
    await page.goto(url);
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.textContent('h1')).toBe('Not connected');
    const stranger = await (await chromium.newContext()).newPage();
    await stranger.goto(url);
    expect(await stranger.textContent('main')).toContain('Continue in that browser');
    expect(await accessibilityFaults(stranger)).toEqual([]);
  });
});
