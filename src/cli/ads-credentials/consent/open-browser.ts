import { spawn } from 'node:child_process';

/** Each takes the address as one argument, without a shell that would read the & in it. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** A browser that is signed in already often takes the wrong account without asking. */
const ADVICE =
  'Open the URL in a private window, and sign in with the Google account that you\n' +
  'use for Google Ads: usually the login of the manager account.';

/** @param failed called when no browser could be opened; the command continues */
function openBrowser(url: string, failed: () => void): void {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const opener = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  opener.once('error', failed);
  opener.once('exit', (code) => {
    if (code !== 0) failed();
  });
  // A browser that stays open must not keep the command waiting.
  opener.unref();
}

export interface ConsentPrompt {
  readonly url: string;
  readonly seconds: number;
  readonly withBrowser: boolean;
  /** Whether standard error is read by a machine. */
  readonly asJson: boolean;
}

/** Shows the URL of a second visit, where the first one's address was pasted: no browser of this machine followed the redirect. */
export function showNextUrl({ url, seconds, asJson }: Omit<ConsentPrompt, 'withBrowser'>): void {
  process.stderr.write(
    asJson
      ? jsonLine(url, seconds)
      : `One more step. Paste this URL in your browser, and its last address here again:\n\n  ${url}\n\n`,
  );
}

function jsonLine(url: string, seconds: number): string {
  return `${JSON.stringify({ open: url, timeout_seconds: seconds })}\n`;
}

/** Shows the consent URL and opens it. On standard error: standard output belongs to the command's result. */
export function showConsentUrl({ url, seconds, withBrowser, asJson }: ConsentPrompt): void {
  if (asJson) process.stderr.write(jsonLine(url, seconds));
  else {
    process.stderr.write(
      `${ADVICE}\n\nPaste this URL in your browser:\n\n  ${url}\n\n` +
        `${withBrowser ? 'A browser opens it by itself where there is one.\n' : ''}Waiting for you to finish there, for up to ${seconds} seconds. Ctrl-C stops.\n`,
    );
  }
  if (!withBrowser) return;
  openBrowser(url, () => {
    if (!asJson) process.stderr.write('No browser could be opened here.\n');
  });
}
