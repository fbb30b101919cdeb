/**
 * grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer (RFC 7523): a service account gets an access token for itself,
 * or for a user of a Workspace that delegated so. https://developers.google.com/identity/protocols/oauth2/service-account
 */
import { compactVerify, decodeJwt, decodeProtectedHeader, importSPKI, type JWTPayload } from 'jose';
import type { Google, StandInServiceAccount } from '../google.js';
import { refuseToken } from '../refusals.js';
import { canonicalScopes, isKnownShape, splitScopes } from '../scopes.js';

const hour = 3600;
/** How far clocks may differ. */
const skew = 300;

/** Observed: no scope, no refresh token, no id_token. */
interface AssertionResponse {
  access_token: string;
  expires_in: number;
  token_type: 'Bearer';
}

export async function exchangeAssertion(
  google: Google,
  form: Partial<Record<string, string>>,
): Promise<AssertionResponse> {
  const { assertion } = form;
  if (assertion === undefined) throw refuseToken('invalid_request', 'Missing required parameter: assertion');
  const { account, claims } = await verify(google, assertion);
  const scopes = askedScopes(claims);
  const expiresIn = google.settings.accessTokenSeconds;
  const { token } = google.ledger.issueAccessToken({
    clientId: account.uniqueId ?? account.email,
    projectId: account.projectId,
    sub: subjectOf(google, account, claims, scopes),
    scopes,
    offline: false,
    serviceAccount: account.email,
    expiresAt: google.now() + expiresIn * 1000,
  });
  return { access_token: token, expires_in: expiresIn, token_type: 'Bearer' };
}

async function verify(google: Google, assertion: string) {
  const { kid, alg, claims } = read(assertion);
  const ofIssuer = google.serviceAccounts.filter(({ email }) => email === claims.iss);
  if (ofIssuer.length === 0) throw refuseToken('account_not_found');
  const account = ofIssuer.find(({ keyId }) => kid === undefined || keyId === kid);
  if (!account?.publicKey || alg !== 'RS256') throw refuseToken('invalid_jwt_signature');
  try {
    await compactVerify(assertion, await importSPKI(account.publicKey, 'RS256'), { algorithms: ['RS256'] });
  } catch {
    throw refuseToken('invalid_jwt_signature');
  }
  assertTimely(google, claims);
  // Google's own library always names Google as the audience, whatever address it sends to.
  const right = ['https://oauth2.googleapis.com/token', `${google.url}/token`];
  if (typeof claims.aud !== 'string' || !right.includes(claims.aud)) {
    throw refuseToken(
      'invalid_jwt',
      `Invalid JWT: Failed audience check. The right audience is ${google.url}/token`,
    );
  }
  return { account, claims };
}

function read(assertion: string): { kid: string | undefined; alg: string | undefined; claims: JWTPayload } {
  try {
    const { kid, alg } = decodeProtectedHeader(assertion);
    return { kid, alg, claims: decodeJwt(assertion) };
  } catch {
    throw refuseToken('invalid_jwt');
  }
}

function assertTimely(google: Google, { iat, exp }: JWTPayload): void {
  const now = google.now() / 1000;
  const isTimely =
    iat !== undefined && exp !== undefined && exp - iat <= hour && iat <= now + skew && exp > now - skew;
  if (isTimely) return;
  throw refuseToken(
    'invalid_jwt',
    'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and ' +
      'exp values in the JWT claim.',
  );
}

function askedScopes(claims: JWTPayload): string[] {
  const { scope } = claims;
  const asked = typeof scope === 'string' ? splitScopes(scope) : [];
  if (asked.length === 0 || !asked.every(isKnownShape)) throw refuseToken('invalid_jwt_scope');
  return canonicalScopes(asked);
}

/** The user that the token acts for. A delegation must cover all requested scopes. */
function subjectOf(
  google: Google,
  { email, uniqueId }: StandInServiceAccount,
  { sub }: JWTPayload,
  scopes: string[],
): string {
  if (sub === undefined || sub === email) return uniqueId ?? email;
  const user = [...google.accounts.values()].find((each) => each.email === sub);
  if (!user) throw refuseToken('not_a_valid_email');
  const delegated = google.settings.delegations.get(email) ?? [];
  const isDelegated = user.hd !== undefined && scopes.every((scope) => delegated.includes(scope));
  if (!isDelegated) throw refuseToken('not_delegated');
  const policy = google.settings.accountPolicy.get(user.sub);
  if (policy === 'admin_policy_enforced') throw refuseToken(policy);
  return user.sub;
}
