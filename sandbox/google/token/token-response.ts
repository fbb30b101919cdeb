/** The part of a token response that both grant types share: an access token and, for openid, an id_token. */
import { createHash } from 'node:crypto';
import type { Google, StandInAccount, StandInClient } from '../google.js';
import { tellsEmail, tellsProfile } from '../scopes.js';

interface Issue {
  client: StandInClient;
  sub: string;
  scopes: string[];
  offline: boolean;
  nonce?: string | undefined;
}

export interface TokenResponse {
  access_token: string;
  expires_in: number;
  scope: string;
  token_type: 'Bearer';
  id_token?: string;
  refresh_token?: string;
  refresh_token_expires_in?: number;
}

export async function issueAccessToken(google: Google, issue: Issue): Promise<TokenResponse> {
  const { client, sub, scopes, offline } = issue;
  const expiresIn = google.settings.accessTokenSeconds;
  const { token } = google.ledger.issueAccessToken({
    clientId: client.clientId,
    projectId: client.projectId,
    sub,
    scopes,
    offline,
    expiresAt: google.now() + expiresIn * 1000,
  });
  const account = scopes.includes('openid') ? google.accounts.get(sub) : undefined;
  return {
    access_token: token,
    expires_in: expiresIn,
    scope: scopes.join(' '),
    token_type: 'Bearer',
    ...(account && { id_token: await signIdToken(google, issue, account, token) }),
  };
}

function signIdToken(
  google: Google,
  issue: Issue,
  account: StandInAccount,
  accessToken: string,
): Promise<string> {
  const { client, scopes, nonce } = issue;
  const issuedAt = Math.floor(google.now() / 1000);
  return google.signingKey.sign({
    iss: google.url,
    azp: client.clientId,
    aud: client.clientId,
    sub: account.sub,
    ...(account.hd !== undefined && { hd: account.hd }),
    ...(tellsEmail(scopes) && { email: account.email, email_verified: true }),
    // OpenID Connect Core section 3.1.3.6: the left half of the access token's hash.
    at_hash: createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url'),
    ...(nonce !== undefined && { nonce }),
    ...(tellsProfile(scopes) && { name: account.name, given_name: account.name.split(' ')[0] }),
    iat: issuedAt,
    exp: issuedAt + 3600,
  });
}
