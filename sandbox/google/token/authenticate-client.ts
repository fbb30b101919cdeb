/** Which client is calling, proved by its secret in the form or in HTTP Basic (RFC 6749 section 2.3.1). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Google, StandInClient } from '../google.js';
import { refuseToken } from '../refusals.js';

export function authenticateClient(
  google: Google,
  form: Partial<Record<string, string>>,
  authorization: string | undefined,
): StandInClient {
  const basic = readBasic(authorization);
  const clientId = basic?.clientId ?? form['client_id'];
  const secret = basic?.secret ?? form['client_secret'];
  if (clientId === undefined) {
    throw refuseToken('invalid_request', 'Could not determine client ID from request.');
  }
  const client = google.clients.get(clientId);
  if (!client) throw refuseToken('invalid_client_not_found');
  const status = google.settings.clientStatus.get(clientId);
  if (status) throw refuseToken(status);
  if (secret === undefined) throw refuseToken('client_secret_missing');
  if (!sameText(secret, client.clientSecret)) throw refuseToken('invalid_client_secret');
  return client;
}

function readBasic(authorization: string | undefined): { clientId: string; secret: string } | undefined {
  const encoded = /^Basic +([\w+/=-]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [clientId = '', ...secret] = Buffer.from(encoded, 'base64').toString().split(':');
  try {
    return { clientId: decodeURIComponent(clientId), secret: decodeURIComponent(secret.join(':')) };
  } catch {
    return { clientId, secret: secret.join(':') };
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
const sameText = (one: string, other: string) => timingSafeEqual(digest(one), digest(other));
