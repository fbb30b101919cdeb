/** The check of the bearer token that every API does first; refuses in Google's JSON error format. */
import type { Google } from '../google.js';
import { bearerToken } from '../incoming.js';
import type { Incoming } from '../incoming.js';
import type { AccessToken } from '../ledger/records.js';
import { refuseCall } from '../refusals.js';

export function authorizeCall(google: Google, incoming: Incoming, oneOfScopes: string[]): AccessToken {
  const bearer = bearerToken(incoming);
  if (bearer === undefined) throw refuseCall('missing_credentials');
  const token = google.ledger.liveAccessToken(bearer);
  if (!token) throw refuseCall('invalid_credentials');
  if (!oneOfScopes.some((scope) => token.scopes.includes(scope)))
    throw refuseCall('insufficient_permissions');
  return token;
}
