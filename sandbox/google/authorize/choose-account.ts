/** POST /o/oauth2/v2/auth/account: the account chooser's form. */
import type { Google, StandInAccount } from '../google.js';
import type { Incoming, Parameters } from '../incoming.js';
import { refuseAuthorization } from '../refusals.js';
import type { EndpointResponse } from '../response.js';
import { continueWith } from './authorize.js';
import { lastAccountCookie } from './browser-session.js';
import { readAuthorizationRequest } from './read-authorization-request.js';

export function chooseAccount(google: Google, incoming: Incoming): EndpointResponse {
  const asked = readAuthorizationRequest(google, incoming.query);
  const account = accountInForm(google, incoming.form);
  const answer = continueWith(google, asked, account, new URL(incoming.url, google.url).search);
  return { ...answer, headers: { ...answer.headers, ...lastAccountCookie(account) } };
}

export function accountInForm(google: Google, form: Parameters): StandInAccount {
  const account = typeof form['account'] === 'string' ? google.accounts.get(form['account']) : undefined;
  if (!account) throw refuseAuthorization('invalid_request', 'There is no such account.');
  return account;
}
