/** The cookie that names the account last used in this browser. */
import type { Google, StandInAccount } from '../google.js';

const cookieName = 'stand_in_account';

export const lastAccountCookie = (account: StandInAccount): Record<string, string> => ({
  'set-cookie': `${cookieName}=${encodeURIComponent(account.sub)}; Path=/o/oauth2; HttpOnly; SameSite=Lax`,
});

export function accountOfBrowser(google: Google, cookie: string | undefined): StandInAccount | undefined {
  const value = new RegExp(`(?:^|; *)${cookieName}=([^;]*)`).exec(cookie ?? '')?.[1];
  return value === undefined ? undefined : google.accounts.get(decodeURIComponent(value));
}
