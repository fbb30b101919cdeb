/**
 * Scopes: their canonical form, which of them are for signing in, and what the consent page says they mean.
 */
const emailScope = 'https://www.googleapis.com/auth/userinfo.email';
const profileScope = 'https://www.googleapis.com/auth/userinfo.profile';
const aliases: Partial<Record<string, string>> = { email: emailScope, profile: profileScope };
const signInScopes = new Set(['openid', emailScope, profileScope]);

export const isSignIn = (scope: string): boolean => signInScopes.has(scope);
export const tellsEmail = (scopes: string[]): boolean => scopes.includes(emailScope);
export const tellsProfile = (scopes: string[]): boolean => scopes.includes(profileScope);

/**
 * As Google names scopes in responses (observed): sign-in scopes in full, openid added to any of them, and not in the
 * requested order (here: descending by name, so that no caller relies on one).
 */
export function canonicalScopes(scopes: Iterable<string>): string[] {
  const full = new Set([...scopes].map((scope) => aliases[scope] ?? scope));
  if ([...full].some(isSignIn)) full.add('openid');
  return [...full].sort().reverse();
}

export const splitScopes = (text: string): string[] => text.split(/\s+/).filter((scope) => scope !== '');

export const isKnownShape = (scope: string): boolean =>
  scope in aliases ||
  isSignIn(scope) ||
  scope === 'https://mail.google.com/' ||
  /^https:\/\/www\.googleapis\.com\/auth\/[a-z][a-z0-9._-]*$/.test(scope);

/** Google's guide: single scopes can be unticked when two or more, or sign-in plus others, are requested. */
export function isGranular(scopes: string[]): boolean {
  const others = scopes.filter((scope) => !isSignIn(scope)).length;
  return others >= 2 || (others === 1 && scopes.length > 1);
}

const meanings: Partial<Record<string, string>> = {
  openid: 'Associate you with your personal info on Google',
  [emailScope]: 'See your primary Google Account email address',
  [profileScope]: "See your personal info, including any personal info you've made publicly available",
  'https://www.googleapis.com/auth/yt-analytics.readonly':
    'View YouTube Analytics reports for your YouTube content',
  'https://www.googleapis.com/auth/yt-analytics-monetary.readonly':
    'View monetary and non-monetary YouTube Analytics reports for your YouTube content',
  'https://www.googleapis.com/auth/youtube': 'Manage your YouTube account',
  'https://www.googleapis.com/auth/youtube.readonly': 'View your YouTube account',
  'https://www.googleapis.com/auth/youtube.upload': 'Manage your YouTube videos',
  'https://www.googleapis.com/auth/youtube.force-ssl':
    'See, edit, and permanently delete your YouTube videos, ratings, comments and captions',
  'https://www.googleapis.com/auth/youtube.channel-memberships.creator':
    'See a list of your current active channel members, their current level, and when they became a member',
  'https://www.googleapis.com/auth/youtubepartner':
    'View and manage your assets and associated content on YouTube',
  'https://www.googleapis.com/auth/youtubepartner-channel-audit':
    'View private information of your YouTube channel relevant during the audit process with a YouTube partner',
  'https://www.googleapis.com/auth/adwords':
    'See, edit, create, and delete your Google Ads accounts and data',
  'https://www.googleapis.com/auth/analytics.readonly': 'See and download your Google Analytics data',
  'https://www.googleapis.com/auth/calendar.readonly':
    'See and download any calendar you can access using your Google Calendar',
  'https://www.googleapis.com/auth/drive.readonly': 'See and download all your Google Drive files',
  'https://www.googleapis.com/auth/drive.file':
    'See, edit, create, and delete only the specific Google Drive files you use with this app',
  'https://www.googleapis.com/auth/gmail.readonly': 'View your email messages and settings',
  'https://www.googleapis.com/auth/spreadsheets': 'See, edit, create, and delete your Google Sheets',
  'https://www.googleapis.com/auth/webmasters.readonly': 'View Search Console data for your verified sites',
  'https://mail.google.com/': 'Read, compose, send, and permanently delete all your email from Gmail',
};

/** The description of a scope on the consent page; its last part, where the stand-in has no text for it. */
export const meaningOf = (scope: string): string =>
  meanings[scope] ?? `Use your Google data under “${scope.split('/').pop() ?? scope}”`;
