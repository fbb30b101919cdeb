/**
 * GET /o/oauth2/v2/auth: decides what the user sees next: the account chooser, the consent page, or a redirect because the
 * project already has the scopes.
 * Every browser counts as signed in to all accounts; the cookie only names the last one used.
 */
import type { Google, StandInAccount } from '../google.js';
import type { Incoming } from '../incoming.js';
import { chooseAccountPage } from '../pages/choose-account-page.js';
import { consentPage } from '../pages/consent-page.js';
import { refuseAuthorization } from '../refusals.js';
import { type EndpointResponse, html } from '../response.js';
import { accountOfBrowser } from './browser-session.js';
import { type AuthorizationRequest, readAuthorizationRequest } from './read-authorization-request.js';
import { sendCode } from './send-code.js';

export function authorize(google: Google, incoming: Incoming): EndpointResponse {
  const asked = readAuthorizationRequest(google, incoming.query);
  const search = new URL(incoming.url, google.url).search;
  const account = asked.prompts.has('select_account')
    ? undefined
    : knownAccount(google, asked, incoming.cookie);
  if (account) return continueWith(google, asked, account, search);
  if (asked.prompts.has('none')) throw refuseAuthorization('interaction_required');
  const accounts = [...google.accounts.values()].filter((candidate) => isOffered(asked, candidate));
  return html(200, chooseAccountPage({ client: asked.client, accounts, search }));
}

/** The account is known: redirects to the app if it has consented before, to the consent page otherwise. */
export function continueWith(
  google: Google,
  asked: AuthorizationRequest,
  account: StandInAccount,
  search: string,
): EndpointResponse {
  if (google.settings.accountPolicy.get(account.sub) === 'admin_policy_enforced') {
    throw refuseAuthorization('admin_policy_enforced');
  }
  const granted = google.ledger.grantedScopes(asked.client.projectId, account.sub);
  const missing = asked.scopes.filter((scope) => !granted.includes(scope));
  if (missing.length === 0 && !asked.prompts.has('consent')) {
    return sendCode(google, asked, account, { scopes: asked.scopes, consentShown: false });
  }
  if (asked.prompts.has('none')) throw refuseAuthorization('interaction_required');
  return html(200, consentPage({ client: asked.client, account, scopes: asked.scopes, missing, search }));
}

function knownAccount(
  google: Google,
  asked: AuthorizationRequest,
  cookie: string | undefined,
): StandInAccount | undefined {
  const hint = asked.loginHint;
  if (hint === undefined) return accountOfBrowser(google, cookie);
  return (
    google.accounts.get(hint) ??
    [...google.accounts.values()].find((account) => account.email.toLowerCase() === hint.toLowerCase())
  );
}

/** OpenID Connect's hd: "*" means any Workspace account. */
const isOffered = ({ hostedDomain }: AuthorizationRequest, account: StandInAccount) =>
  hostedDomain === undefined ||
  (hostedDomain === '*' ? account.hd !== undefined : account.hd === hostedDomain);
