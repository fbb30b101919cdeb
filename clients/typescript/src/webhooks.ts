import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WebhookBody } from './api.js';
import { TokenBrokerError } from './token-broker-error.js';

/** `id` is the same over all attempts: store it, and ignore one that you have seen. */
export type WebhookEvent = { readonly id: string } & WebhookBody;

/** Of Node.js, of Express and its like, or of the Fetch API. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** How far the clock of the sender may be off, in seconds, either way. */
const TOLERANCE_SECONDS = 300;
const PREFIX = 'whsec_';

/**
 * Owns the verification of webhooks (https://www.standardwebhooks.com): who sent it, unaltered, and lately. Does not own that
 * an event is handled once.
 * @param rawBody as it came, before a JSON parser
 * @param secrets one, or several while the secret is being changed
 * @throws {TokenBrokerError} `invalid_webhook`: answer 400, and do nothing with it
 */
export function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
): WebhookEvent {
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const keys = (typeof secrets === 'string' ? [secrets] : secrets).map(keyOf);
  if (keys.length === 0) throw new TypeError('Without a secret no webhook can be verified.');
  const isRecent =
    /^\d{1,12}$/.test(timestamp) && Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS;
  if (!isRecent) throw invalid('webhook-timestamp is missing, or more than five minutes off.');
  const given = headerOf(headers, 'webhook-signature').split(' ').map(signatureOf);
  const expected = keys.map((key) =>
    createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest(),
  );
  const isGenuine = given.some((one) =>
    expected.some((other) => one.length === other.length && timingSafeEqual(one, other)),
  );
  if (!isGenuine) throw invalid('webhook-signature was not made with this secret for this body.');
  const text = typeof rawBody === 'string' ? rawBody : Buffer.from(rawBody).toString();
  return { ...(JSON.parse(text) as object), id } as WebhookEvent;
}

function headerOf(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** @returns nothing for another version of signature */
function signatureOf(signature: string): Buffer {
  const [version, value = ''] = signature.split(',');
  return version === 'v1' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
}

function keyOf(secret: string): Buffer {
  const text = secret.trim();
  const key = Buffer.from(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text, 'base64');
  if (key.length === 0) throw new TypeError(`A webhook secret is ${PREFIX} and base64.`);
  return key;
}

function invalid(detail: string): TokenBrokerError {
  return new TokenBrokerError('invalid_webhook', detail);
}
