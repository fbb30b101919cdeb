import type { Mood } from './page.js';

export interface Notice {
  readonly mood: Mood;
  readonly text: string;
}

/** Texts for the broker's `connect_error`. */
const FAILURES: Readonly<Record<string, string>> = {
  google_unavailable: 'Google did not answer. Try again in a moment.',
  client_misconfigured: "Google refuses the broker's client. Its operator must fix that.",
  wrong_account: 'You chose another Google account than the one asked for.',
  policy_rejected: 'The administrator of your Google Workspace does not allow this.',
  no_refresh_token:
    'Google granted only temporary access. Remove the app in your Google Account, then try again.',
};

/** The outcome in the query that the broker, or this app, redirected the browser with. */
export function outcomeOf(fields: URLSearchParams): Notice | null {
  switch (fields.get('connect')) {
    case 'success':
      return { mood: 'good', text: 'Connected. You allowed all requested scopes.' };
    case 'partial':
      return { mood: 'warn', text: 'Connected in part. You left something out; see what is missing below.' };
    case 'denied':
      return { mood: 'warn', text: 'Not connected. You said no on Google’s page, and nothing was stored.' };
    case 'failed':
      return { mood: 'bad', text: failure(fields.get('connect_error') ?? '') };
  }
  const others = Number(fields.get('others') ?? 0);
  switch (fields.get('done')) {
    case 'revoking':
      return {
        mood: 'warn',
        text: 'Being revoked. Google has not confirmed yet; the broker goes on by itself, and gives no token meanwhile.',
      };
    case 'revoked':
      return {
        mood: 'good',
        text: `Revoked. Google ended the grant, and the broker deleted it. Test an API request to see what that means.${others > 0 ? ` ${others} more ended with it at Google.` : ''}`,
      };
    case 'cleared':
      return {
        mood: 'good',
        text: 'Cleared. The broker deleted the grant. Google still remembers your consent.',
      };
  }
  return null;
}

/** Anyone can put text into a link: only what looks like a code is shown. */
function failure(code: string): string {
  const why =
    FAILURES[code] ??
    (/^[a-z_]{1,64}$/.test(code) ? `Google or the broker said: ${code}.` : 'No reason was given.');
  return `Connecting did not work. ${why}`;
}
