/** GET and POST /tokeninfo: describes an access token (parameter or bearer) or an id_token. */
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { Google } from '../google.js';
import { bearerToken, type Incoming, singleValues } from '../incoming.js';
import { refuseCall } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { tellsEmail } from '../scopes.js';

export async function tokeninfo(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const { id_token, access_token = bearerToken(incoming) } = singleValues(
    { ...incoming.query, ...incoming.form },
    () => refuseCall('invalid_value'),
  );
  if (id_token !== undefined) return json(200, await aboutIdToken(google, id_token));
  if (access_token !== undefined) return json(200, aboutAccessToken(google, access_token));
  throw refuseCall('invalid_value');
}

/** Google writes all of its numbers and booleans here as strings. */
function aboutAccessToken(google: Google, accessToken: string): object {
  const token = google.ledger.liveAccessToken(accessToken);
  if (!token) throw refuseCall('invalid_value');
  const email = tellsEmail(token.scopes) ? google.accounts.get(token.sub)?.email : undefined;
  return {
    azp: token.clientId,
    aud: token.clientId,
    ...(token.scopes.includes('openid') && { sub: token.sub }),
    scope: token.scopes.join(' '),
    exp: String(Math.floor(token.expiresAt / 1000)),
    expires_in: String(Math.floor((token.expiresAt - google.now()) / 1000)),
    ...(email !== undefined && { email, email_verified: 'true' }),
    access_type: token.offline ? 'offline' : 'online',
  };
}

async function aboutIdToken({ signingKey, url, now }: Google, idToken: string): Promise<object> {
  const keys = createLocalJWKSet({ keys: [signingKey.publicJwk] });
  try {
    const { payload, protectedHeader } = await jwtVerify(idToken, keys, {
      issuer: url,
      currentDate: new Date(now()),
    });
    return Object.fromEntries(
      Object.entries({ ...payload, ...protectedHeader }).map(([name, value]) => [name, String(value)]),
    );
  } catch {
    throw refuseCall('invalid_value');
  }
}
