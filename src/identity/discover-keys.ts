import { isSafeAddress } from '../config/service-issuers.js';

const TIMEOUT_MS = 5_000;

/**
 * Where an issuer publishes its keys: OpenID Connect Discovery section 4.
 * @throws when the document does not come, or is not this issuer's (section 4.3)
 */
export async function discoverKeys(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { accept: 'application/json' },
  });
  if (response.status !== 200) throw new Error(`Discovery answered ${response.status}.`);
  const document = (await response.json()) as Readonly<Record<string, unknown>> | null;
  if (document?.['issuer'] !== issuer) throw new Error('Discovery answered for another issuer.');
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string' || !isSafeAddress(uri)) throw new Error('Discovery named no safe jwks_uri.');
  return uri;
}
