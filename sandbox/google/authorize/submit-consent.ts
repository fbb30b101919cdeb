/** POST /o/oauth2/v2/auth/consent: the consent page's form. */
import type { Google } from '../google.js';
import type { Incoming } from '../incoming.js';
import { refuseAuthorization } from '../refusals.js';
import type { EndpointResponse } from '../response.js';
import { isGranular, isSignIn } from '../scopes.js';
import { testingLifetime } from '../testing-mode.js';
import { lastAccountCookie } from './browser-session.js';
import { accountInForm } from './choose-account.js';
import { readAuthorizationRequest } from './read-authorization-request.js';
import { sendCode } from './send-code.js';

export function submitConsent(google: Google, incoming: Incoming): EndpointResponse {
  const asked = readAuthorizationRequest(google, incoming.query);
  const account = accountInForm(google, incoming.form);
  if (incoming.form['decision'] !== 'allow') throw refuseAuthorization('access_denied');

  const ticked = [incoming.form['scope']].flat();
  const scopes = isGranular(asked.scopes)
    ? asked.scopes.filter((scope) => isSignIn(scope) || ticked.includes(scope))
    : asked.scopes;
  if (scopes.length === 0) throw refuseAuthorization('access_denied');

  const lifetime = testingLifetime(google.settings, scopes);
  google.ledger.recordConsent(
    asked.client.projectId,
    account.sub,
    scopes,
    lifetime === undefined ? undefined : google.now() + lifetime,
  );
  const answer = sendCode(google, asked, account, { scopes, consentShown: true });
  return { ...answer, headers: { ...answer.headers, ...lastAccountCookie(account) } };
}
