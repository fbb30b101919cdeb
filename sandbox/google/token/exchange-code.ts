/** grant_type=authorization_code: a code, bound to its client, redirect URI and PKCE verifier, for tokens. */
import { createHash } from 'node:crypto';
import type { Google, StandInClient } from '../google.js';
import type { AuthorizationCode } from '../ledger/records.js';
import { refuseToken } from '../refusals.js';
import { testingLifetime } from '../testing-mode.js';
import { issueAccessToken, type TokenResponse } from './token-response.js';

export async function exchangeCode(
  google: Google,
  client: StandInClient,
  form: Partial<Record<string, string>>,
): Promise<TokenResponse> {
  if (form['code'] === undefined) throw refuseToken('invalid_request', 'Missing required parameter: code');
  if (!/^4\/[\w-]+$/.test(form['code'])) throw refuseToken('malformed_auth_code');
  const code = google.ledger.usableCode(form['code']);
  if (code?.clientId !== client.clientId) throw refuseToken('invalid_grant_bad_request');
  if (code.redirectUri !== form['redirect_uri']) throw refuseToken('redirect_uri_mismatch');
  checkVerifier(code, form['code_verifier']);
  google.ledger.spendCode(code);

  const tokens = await issueAccessToken(google, { ...code, client });
  // Google's guide: a refresh token comes only with offline access, and only when consent was shown.
  return code.offline && code.consentShown
    ? { ...tokens, ...issueRefreshToken(google, client, code) }
    : tokens;
}

function checkVerifier({ challenge }: AuthorizationCode, verifier: string | undefined): void {
  if (!challenge) {
    if (verifier !== undefined) throw refuseToken('needless_code_verifier');
    return;
  }
  if (verifier === undefined) throw refuseToken('missing_code_verifier');
  const proof =
    challenge.method === 'S256' ? createHash('sha256').update(verifier).digest('base64url') : verifier;
  if (proof !== challenge.value) throw refuseToken('invalid_code_verifier');
}

function issueRefreshToken(google: Google, client: StandInClient, code: AuthorizationCode) {
  const lifetime = testingLifetime(google.settings, code.scopes);
  const { token } = google.ledger.issueRefreshToken({
    clientId: client.clientId,
    projectId: client.projectId,
    sub: code.sub,
    scopes: code.scopes,
    ...(lifetime !== undefined && { expiresAt: google.now() + lifetime }),
  });
  // Google's guide: past the limit "the oldest refresh token is automatically invalidated without warning".
  const live = google.ledger.liveRefreshTokens(code.sub, client.clientId);
  for (const oldest of live.slice(0, -google.settings.slotLimit)) google.ledger.endRefreshToken(oldest);
  return {
    refresh_token: token,
    ...(lifetime !== undefined && { refresh_token_expires_in: lifetime / 1000 - 1 }),
  };
}
