/** The redirect back to the app with a code; parameters as observed. */
import type { Google, StandInAccount } from '../google.js';
import { type EndpointResponse, redirect } from '../response.js';
import { canonicalScopes, isSignIn } from '../scopes.js';
import type { AuthorizationRequest } from './read-authorization-request.js';

export function sendCode(
  google: Google,
  asked: AuthorizationRequest,
  account: StandInAccount,
  consent: { scopes: string[]; consentShown: boolean },
): EndpointResponse {
  // Incremental authorization: the code covers all scopes that the project has, also through its other clients.
  const before = asked.includeGrantedScopes
    ? google.ledger.grantedScopes(asked.client.projectId, account.sub)
    : [];
  const scopes = canonicalScopes([...consent.scopes, ...before]);
  const { code } = google.ledger.issueCode({
    clientId: asked.client.clientId,
    sub: account.sub,
    redirectUri: asked.redirectUri,
    scopes,
    offline: asked.offline,
    consentShown: consent.consentShown,
    ...(asked.challenge && { challenge: asked.challenge }),
    ...(asked.nonce !== undefined && { nonce: asked.nonce }),
  });
  const signIn = scopes.some(isSignIn) && {
    authuser: String([...google.accounts.keys()].indexOf(account.sub)),
    hd: account.hd,
    prompt: consent.consentShown ? 'consent' : 'none',
  };
  return redirect(asked.redirectUri, {
    state: asked.state,
    iss: google.url,
    code,
    scope: scopes.join(' '),
    ...signIn,
  });
}
