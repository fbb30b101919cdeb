/**
 * An app that takes webhooks, and judges them by its own reading of https://www.standardwebhooks.com: nothing here
 * comes from the broker.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.js';

interface Received {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  /** By the clock that the receiver was given. */
  readonly at: Date;
  readonly isSigned: boolean;
}

/** A status, or no response at all. */
type Reply = number | 'no_response' | { readonly status: number; readonly location: string };

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly received: readonly Received[];
  /** What to answer next, once each; after that 204. */
  respondWith(...replies: Reply[]): void;
  clear(): void;
  /** @throws when no more than that came in time */
  wait(count: number, ms?: number): Promise<readonly Received[]>;
  /** Hangs up on everybody and can be reached no more. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

export async function startReceiver(now: () => Date): Promise<Receiver> {
  const key = randomBytes(32);
  const received: Received[] = [];
  const replies: Reply[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const header = (name: string) => String(request.headers[`webhook-${name}`]);
      const signed = `${header('id')}.${header('timestamp')}.${text}`;
      const signature = createHmac('sha256', key).update(signed).digest('base64');
      const age = Math.abs(now().getTime() / 1000 - Number(header('timestamp')));
      received.push({
        ...(JSON.parse(text) as Pick<Received, 'type' | 'timestamp' | 'data'>),
        id: header('id'),
        text,
        headers: request.headers,
        at: now(),
        isSigned: header('signature').split(' ').includes(`v1,${signature}`) && age < 300,
      });
      const reply = replies.shift() ?? 204;
      if (reply === 'no_response') return;
      if (typeof reply === 'number') response.writeHead(reply).end('whatever a receiver says');
      else response.writeHead(reply.status, { location: reply.location }).end();
    });
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  return {
    url: `http://127.0.0.1:${port}/webhooks`,
    secret: `whsec_${key.toString('base64')}`,
    received,
    respondWith: (...next) => {
      replies.push(...next);
    },
    clear: () => {
      received.length = 0;
      replies.length = 0;
    },
    wait: async (count, ms = 5000) => {
      const isComplete = () => received.length >= count;
      await until(isComplete, ms, () => `Only ${received.length} of ${count} webhooks came.`);
      return received;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    reopen: async () => {
      await listen(port);
    },
  };
}
