/** POST /revoke: any active token of an account revokes all grants of that account to the project. */
import type { Google } from './google.js';
import type { Incoming } from './incoming.js';
import { refuseCall } from './refusals.js';
import { type EndpointResponse, json } from './response.js';

export function revoke(google: Google, incoming: Incoming): EndpointResponse {
  // Some of Google's own libraries send it in the query.
  const token = incoming.form['token'] ?? incoming.query['token'];
  if (typeof token !== 'string') throw refuseCall('invalid_token');
  const refreshToken = google.ledger.refreshToken(token);
  const live =
    refreshToken && google.ledger.isLive(refreshToken) ? refreshToken : google.ledger.liveAccessToken(token);
  if (!live) throw refuseCall('invalid_token');
  endProjectGrant(google, live.projectId, live.sub);
  return json(200, {});
}

export function endProjectGrant(google: Google, projectId: string, sub: string): void {
  const clients = [...google.clients.values()].filter((client) => client.projectId === projectId);
  google.ledger.endGrant(projectId, sub, new Set(clients.map((client) => client.clientId)));
}
