/**
 * A real browser for tests of pages: Chromium, where it is installed. Owns how it is started, how a page is held against the
 * accessibility rules (WCAG 2.2 AA, by axe), and where screenshots go. Does not own what a page must show.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PATH = [process.env['CHROMIUM_PATH'] ?? '', ...PLACES].find((path) => existsSync(path));
/** The folder for screenshots, for people to look at; without it none are taken, as each takes as long as the checks of a page. */
const SCREENSHOTS = process.env['SCREENSHOTS'] ?? '';

/** As `describe`, skipped where there is no Chromium. */
export function describeInChromium(name: string, tests: () => void): void {
  if (PATH) describe(name, tests);
  else describe.skip(`${name} (skipped: Chromium not installed)`, tests);
}

/** One for each test file; contexts are cheap. */
export function launchChromium(): Promise<Browser> {
  // Root may not use the sandbox of Chromium, and a container may have a small /dev/shm.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  return chromium.launch({ executablePath: PATH ?? '', args });
}

export const PHONE = { width: 320, height: 700 };
export const DESKTOP = { width: 1100, height: 800 };

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** @param only names of rules, or of groups of them @returns what axe finds, a line each: the rule, and where */
export async function accessibilityFaults(page: Page, only: string[] = RULES): Promise<string[]> {
  // Not as a script of the page, which its policy would block.
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (runOnly) =>
      // To name what is right, too, costs most of the time.
      (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly, resultTypes: ['violations'] }),
    only,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`),
  );
}

/** Whether the page can be read without scrolling sideways. */
export function fitsWidth(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');
}

/** @param name of the file, without .png */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === '') return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
