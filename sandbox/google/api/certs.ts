/** The public keys that verify id_tokens: as a JWK set, and as PEM by key id for Google's own Node library. */
import { json } from '../answer.js';
import type { Answer } from '../answer.js';
import type { Google } from '../google.js';

/** Short next to Google's hours: a sandbox that was restarted without its state file has a new key. */
const cached = { 'cache-control': 'public, max-age=60, must-revalidate', pragma: '' };

export const jwkCerts = ({ signingKey }: Google): Answer =>
  json(200, { keys: [signingKey.publicJwk] }, cached);

export const pemCerts = ({ signingKey }: Google): Answer =>
  json(200, { [signingKey.keyId]: signingKey.publicPem }, cached);
