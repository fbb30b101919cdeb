/**
 * GET /o/oauth2/v2/auth: decides what a person sees next: accounts to choose from, scopes to consent to, or
 * nothing at all because the project already has them.
 * Everyone at this browser counts as signed in to all accounts; the cookie only remembers the last one used.
 */
import { html } from '../answer.js';
import type { Answer } from '../answer.js';
import type { Google, StandInAccount } from '../google.js';
import type { Incoming } from '../incoming.js';
import { chooseAccountPage } from '../pages/choose-account-page.js';
import { consentPage } from '../pages/consent-page.js';
import { refuseAuthorization } from '../refusals.js';
import { accountOfBrowser } from './browser-session.js';
import { readAuthorizationRequest } from './read-authorization-request.js';
import type { AuthorizationRequest } from './read-authorization-request.js';
import { sendCode } from './send-code.js';

export function authorize(google: Google, incoming: Incoming): Answer {
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

/** The account is known: straight back to the app when it has consented before, to the consent page otherwise. */
export function continueWith(
  google: Google,
  asked: AuthorizationRequest,
  account: StandInAccount,
  search: string,
): Answer {
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
