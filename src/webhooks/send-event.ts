import { Injectable } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { ProxyRefused, send } from '../outbound/http-client.js';
import type { UndeliveredEvent } from '../token-store/outbox/outbox-events.repository.js';

/** `gone`: the receiver refuses this event for good. An error is a status or a code, never the receiver's text. */
export type Delivery =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'gone' | 'failed'; readonly error: string };

type SentEvent = Pick<UndeliveredEvent, 'id' | 'type' | 'timestamp' | 'data'>;

const GONE = 410;
const PREFIX = 'whsec_';

/**
 * Sends one event once, as a webhook with the signature of Standard Webhooks.
 * Does not own retries: deliver-events.ts, by retry-schedule.ts.
 */
@Injectable()
export class SendEvent {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** @param cancel aborts the request */
  async send({ id, type, timestamp, data }: SentEvent, cancel: AbortSignal): Promise<Delivery> {
    const { webhook } = this.settings;
    if (webhook === null) return { kind: 'failed', error: 'no_webhook_url' };
    const body = JSON.stringify({ type, timestamp, data });
    try {
      const { status } = await send(webhook.url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'token-broker',
          ...signMessage(webhook.secret, id, this.clock.now(), body),
        },
        // A redirect would take accounts and user ids to an address that the operator did not configure.
        redirect: 'manual',
        timeoutMs: webhook.timeoutMs,
        // Only the status counts; a body would hold the connection.
        maxBytes: 0,
        signal: cancel,
        passesTrace: true,
      });
      if (status >= 200 && status < 300) return { kind: 'accepted' };
      return { kind: status === GONE ? 'gone' : 'failed', error: `http_${status}` };
    } catch (error) {
      return { kind: 'failed', error: codeOf(error) };
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof ProxyRefused) return `proxy_${error.status}`;
  const { name, cause } = error as Partial<Error>;
  if (name === 'TimeoutError') return 'timeout';
  if (name === 'AbortError') return 'interrupted';
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code.toLowerCase() : 'connection_failed';
}

/**
 * The headers of Standard Webhooks (https://www.standardwebhooks.com). They prove to a receiver that a message comes
 * from the broker, is unaltered and is recent.
 */
export function signMessage(secret: Secret, id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const key = Buffer.from(secret.reveal().slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
