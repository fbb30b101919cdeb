/**
 * POST /token: dispatches on the grant type.
 * Issues nothing itself: exchange-code and refresh-access-token do. The test's override of the answer is applied last.
 */
import { json } from '../answer.js';
import type { Answer } from '../answer.js';
import type { Google } from '../google.js';
import { singleValues } from '../incoming.js';
import type { Incoming } from '../incoming.js';
import { refuseToken } from '../refusals.js';
import { authenticateClient } from './authenticate-client.js';
import { exchangeCode } from './exchange-code.js';
import { refreshAccessToken } from './refresh-access-token.js';

export async function token(google: Google, incoming: Incoming): Promise<Answer> {
  const form = singleValues(incoming.form, (text) => refuseToken('invalid_request', text));
  const grantType = form['grant_type'] ?? '';
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

const answer = (google: Google, tokens: object) => json(200, google.disturbances.amendTokenAnswer(tokens));
