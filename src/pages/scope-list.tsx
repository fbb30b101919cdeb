/** Plain descriptions; Google's are at https://developers.google.com/identity/protocols/oauth2/scopes */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  openid: 'Know who you are',
  'https://www.googleapis.com/auth/userinfo.email': 'See your email address',
  'https://www.googleapis.com/auth/userinfo.profile': 'See your name and picture',
  'https://www.googleapis.com/auth/yt-analytics.readonly': 'View your YouTube Analytics reports',
  'https://www.googleapis.com/auth/yt-analytics-monetary.readonly':
    'View your YouTube Analytics revenue reports',
  'https://www.googleapis.com/auth/youtube': 'Manage your YouTube account',
  'https://www.googleapis.com/auth/youtube.readonly': 'View your YouTube account',
  'https://www.googleapis.com/auth/youtubepartner': 'View and manage your YouTube content as a partner',
  'https://www.googleapis.com/auth/adwords': 'Manage your Google Ads campaigns',
  'https://www.googleapis.com/auth/drive.readonly': 'View your Google Drive files',
  'https://www.googleapis.com/auth/calendar.readonly': 'View your Google Calendar',
};

/** The sign-in scopes are part of every request, so they come last. */
const SIGN_IN = /^openid$|\/auth\/userinfo\.(email|profile)$/;

export function ScopeList({ scopes }: { readonly scopes: readonly string[] }) {
  const signInLast = scopes.toSorted((one, other) => Number(SIGN_IN.test(one)) - Number(SIGN_IN.test(other)));
  return (
    <ul>
      {signInLast.map((scope) => (
        <li>
          {DESCRIPTIONS[scope] ?? 'Use this Google permission'}
          <code>{scope}</code>
        </li>
      ))}
    </ul>
  );
}
