/** GET /oauth2/v3/userinfo (OpenID Connect Core section 5.3), limited to the token's scopes. */
import type { Google } from '../google.js';
import type { Incoming } from '../incoming.js';
import { refuseCall } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { tellsEmail, tellsProfile } from '../scopes.js';
import { authorizeCall } from './authorize-call.js';

export function userinfo(google: Google, incoming: Incoming): EndpointResponse {
  const { sub, scopes } = authorizeCall(google, incoming, ['openid']);
  const account = google.accounts.get(sub);
  if (!account) throw refuseCall('invalid_credentials');
  return json(200, {
    sub,
    ...(tellsProfile(scopes) && { name: account.name, given_name: account.name.split(' ')[0] }),
    ...(tellsEmail(scopes) && { email: account.email, email_verified: true }),
    ...(account.hd !== undefined && { hd: account.hd }),
  });
}
