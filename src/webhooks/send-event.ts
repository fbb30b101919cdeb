import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { ProxyRefused, send } from '../outbound/http-client.js';
import type { UndeliveredEvent } from '../token-store/outbox/outbox-events.repository.js';
import { signMessage } from './sign-message.js';

/** `gone`: the receiver never wants this event. An error is a status or a code, never what the receiver said. */
export type Receipt =
  { readonly kind: 'taken' } | { readonly kind: 'gone' | 'failed'; readonly error: string };

const GONE = 410;

@Injectable()
export class SendEvent {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** @param giveUp ends the wait for an answer early */
  async send({ id, type, timestamp, data }: UndeliveredEvent, giveUp: AbortSignal): Promise<Receipt> {
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
        // A redirect would take accounts and user ids to an address that nobody configured.
        redirect: 'manual',
        timeoutMs: webhook.timeoutMs,
        // The status says it all; a body would only hold the connection.
        maxBytes: 0,
        signal: giveUp,
      });
      if (status >= 200 && status < 300) return { kind: 'taken' };
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
