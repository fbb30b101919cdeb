/** The scopes this app can use, by what it asks with them. */
export const SCOPES = {
  views: 'https://www.googleapis.com/auth/yt-analytics.readonly',
  revenue: 'https://www.googleapis.com/auth/yt-analytics-monetary.readonly',
  ads: 'https://www.googleapis.com/auth/adwords',
} as const;

/** In the order in which they are shown: those for signing in last, which the broker adds by itself. */
const WORDS: Readonly<Record<string, string>> = {
  [SCOPES.views]: 'YouTube Analytics reports',
  [SCOPES.revenue]: 'YouTube Analytics revenue reports',
  [SCOPES.ads]: 'Google Ads accounts',
  openid: 'Who the account is',
  'https://www.googleapis.com/auth/userinfo.email': 'Its email address',
};

export function isKind(text: string | null): text is keyof typeof SCOPES {
  return text !== null && Object.hasOwn(SCOPES, text);
}

export function inWords(scope: string): string {
  return WORDS[scope] ?? scope;
}

export function inOrder(scopes: readonly string[]): string[] {
  const order = Object.keys(WORDS);
  return scopes.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
}
