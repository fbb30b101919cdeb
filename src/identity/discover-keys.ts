import { isSafeAddress } from '../config/service-issuers.js';
import { fetchJson } from '../outbound/fetch-json.js';

/**
 * Where an issuer publishes its keys: OpenID Connect Discovery section 4.
 * @throws when the document does not come, or is not this issuer's (section 4.3)
 */
export async function discoverKeys(issuer: string, timeoutMs: number): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchJson(url, timeoutMs);
  if (document['issuer'] !== issuer) throw new Error('Discovery answered for another issuer.');
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string' || !isSafeAddress(uri)) throw new Error('Discovery named no safe jwks_uri.');
  return uri;
}
