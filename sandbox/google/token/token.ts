/**
 * POST /token: dispatches on the grant type.
 * Issues nothing itself: exchange-code, refresh-access-token and exchange-assertion do. The test's override of the response is applied last.
 */
import type { Google } from '../google.js';
import { type Incoming, singleValues } from '../incoming.js';
import { refuseToken } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { authenticateClient } from './authenticate-client.js';
import { exchangeAssertion } from './exchange-assertion.js';
import { exchangeCode } from './exchange-code.js';
import { refreshAccessToken } from './refresh-access-token.js';

/** RFC 7523 section 2.1. */
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export async function token(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const form = singleValues(incoming.form, (text) => refuseToken('invalid_request', text));
  const grantType = form['grant_type'] ?? '';
  // A service account authenticates with its assertion; there is no client.
  if (grantType === JWT_BEARER) return answer(google, await exchangeAssertion(google, form));
  const client = authenticateClient(google, form, incoming.authorization);
  switch (grantType) {
    case 'authorization_code':
      return answer(google, await exchangeCode(google, client, form));
    case 'refresh_token':
      return answer(google, await refreshAccessToken(google, client, form));
    default:
      throw refuseToken('unsupported_grant_type', `Invalid grant_type: ${grantType}`);
  }
}

const answer = (google: Google, tokens: object) => json(200, google.disturbances.amendTokenResponse(tokens));
