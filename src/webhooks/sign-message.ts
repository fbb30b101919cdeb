import { createHmac } from 'node:crypto';
import type { Secret } from '../domain/secret.js';

const PREFIX = 'whsec_';

/**
 * The headers of Standard Webhooks (https://www.standardwebhooks.com), by which a receiver knows that a message is
 * ours, is not altered and is not old.
 */
export function signMessage(secret: Secret, id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const key = Buffer.from(secret.reveal().slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
