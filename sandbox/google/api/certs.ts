/** The public keys that verify id_tokens: as a JWK set, and as PEM by key id for Google's own Node library. */
import type { Google } from '../google.js';
import { type EndpointResponse, json } from '../response.js';

/** Short compared with Google's hours: a sandbox restarted without its state file has a new key. */
const cached = { 'cache-control': 'public, max-age=60, must-revalidate', pragma: '' };

export const jwkCerts = ({ signingKey }: Google): EndpointResponse =>
  json(200, { keys: [signingKey.publicJwk] }, cached);

export const pemCerts = ({ signingKey }: Google): EndpointResponse =>
  json(200, { [signingKey.keyId]: signingKey.publicPem }, cached);
