/**
 * grant_type=refresh_token: a refresh token for a new access token. The refresh token itself stays the same, unless a test has it
 * rotated: RFC 6749 section 6 lets a server issue another one, which Google does not do today.
 */
import type { Google, StandInClient } from '../google.js';
import type { RefreshToken } from '../ledger/records.js';
import { refuseToken } from '../refusals.js';
import { canonicalScopes, splitScopes } from '../scopes.js';
import { issueAccessToken, type TokenResponse } from './token-response.js';

/** Observed: a dead token's "expired or revoked" turns into a bare "Bad Request" some hours later. */
const explainedDeadMs = 3 * 60 * 60 * 1000;

export async function refreshAccessToken(
  google: Google,
  client: StandInClient,
  form: Partial<Record<string, string>>,
): Promise<TokenResponse> {
  if (form['refresh_token'] === undefined) {
    throw refuseToken('invalid_request', 'Missing required parameter: refresh_token');
  }
  const refreshToken = google.ledger.refreshToken(form['refresh_token']);
  if (!refreshToken) throw refuseToken('invalid_grant_bad_request');
  if (refreshToken.clientId !== client.clientId) throw refuseToken('unauthorized_client');
  if (!google.ledger.isLive(refreshToken)) {
    const deadMs = google.now() - google.ledger.deathOf(refreshToken);
    throw refuseToken(
      deadMs < explainedDeadMs ? 'invalid_grant_expired_or_revoked' : 'invalid_grant_bad_request',
    );
  }
  const policy = google.settings.accountPolicy.get(refreshToken.sub);
  if (policy) throw refuseToken(policy);
  const scopes = narrowedScopes(refreshToken, form['scope']);
  google.ledger.useRefreshToken(refreshToken);
  const response = await issueAccessToken(google, { client, sub: refreshToken.sub, scopes, offline: true });
  if (!google.settings.rotatesRefreshTokens) return response;
  const { clientId, projectId, sub, scopes: granted } = refreshToken;
  google.ledger.endRefreshToken(refreshToken);
  const { token } = google.ledger.issueRefreshToken({ clientId, projectId, sub, scopes: granted });
  return { ...response, refresh_token: token };
}

/** RFC 6749 section 6, which Google follows without documenting it: fewer scopes may be requested, never more. */
function narrowedScopes(refreshToken: RefreshToken, scope: string | undefined): string[] {
  if (scope === undefined) return refreshToken.scopes;
  const asked = canonicalScopes(splitScopes(scope));
  const beyond = asked.filter((one) => !refreshToken.scopes.includes(one));
  if (beyond.length > 0) {
    throw refuseToken(
      'invalid_scope',
      `Some requested scopes were invalid. {invalid=[${beyond.join(', ')}]}`,
    );
  }
  return asked;
}
