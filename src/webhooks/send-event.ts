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

export interface Receiver {
  readonly url: string;
  /** Each signs: several while secrets are being replaced. The newest comes first. */
  readonly secrets: readonly Secret[];
}

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
  async send(
    { url, secrets }: Receiver,
    { id, type, timestamp, data }: SentEvent,
    cancel: AbortSignal,
  ): Promise<Delivery> {
    const body = JSON.stringify({ type, timestamp, data });
    try {
      const { status } = await send(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'token-broker',
          ...signMessage(secrets, id, this.clock.now(), body),
        },
        // A redirect would take accounts and user ids to an address that the operator did not configure.
        redirect: 'manual',
        timeoutMs: this.settings.webhookTimeoutMs,
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
 * The webhook signature, in the headers of Standard Webhooks (https://www.standardwebhooks.com). They prove to a receiver that
 * a message comes from the broker, is unaltered and is recent. With several secrets there are several signatures: one that
 * verifies is enough.
 */
export function signMessage(
  secrets: readonly Secret[],
  id: string,
  at: Date,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
