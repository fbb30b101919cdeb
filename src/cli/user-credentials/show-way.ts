import { openBrowser } from './open-browser.js';

export interface Way {
  readonly url: string;
  readonly seconds: number;
  readonly withBrowser: boolean;
  /** Whether standard error is read by a machine. */
  readonly asJson: boolean;
}

/** Tells the user where to go, on standard error: standard output belongs to the answer. */
export function showWay({ url, seconds, withBrowser, asJson }: Way): void {
  if (asJson) process.stderr.write(`${JSON.stringify({ open: url, timeout_seconds: seconds })}\n`);
  else {
    process.stderr.write(
      `Paste this URL into your browser${withBrowser ? ', if it does not open by itself' : ''}:\n\n  ${url}\n\n` +
        `Waiting for you to finish there, for up to ${seconds} seconds. Ctrl-C stops.\n`,
    );
  }
  if (!withBrowser) return;
  openBrowser(url, () => {
    if (!asJson) process.stderr.write('No browser could be opened here.\n');
  });
}
