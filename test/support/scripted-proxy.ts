/**
 * Stands between a client and the broker: counts calls, answers the next ones as a broker or a faulty proxy would, or holds
 * them back. What is not scripted goes to the broker.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Scripted {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ScriptedProxy {
  readonly url: string;
  /** Path and query of each call. */
  readonly calls: string[];
  /** What to answer next, once each. */
  respondWith(...responses: (Scripted | 'hang_up')[]): void;
  /** Holds back what arrives, until the returned function is called. */
  hold(): () => void;
  clear(): void;
  close(): Promise<void>;
}

export async function startScriptedProxy(broker: string): Promise<ScriptedProxy> {
  const calls: string[] = [];
  const responses: (Scripted | 'hang_up')[] = [];
  let gate = Promise.resolve();
  const server = createServer((request, response) => {
    (async () => {
      calls.push(request.url ?? '');
      await gate;
      const scripted = responses.shift();
      if (scripted === 'hang_up') return void request.socket.destroy();
      if (scripted) return void response.writeHead(scripted.status, scripted.headers).end(scripted.body);
      const { authorization = '' } = request.headers;
      const isPost = request.method === 'POST';
      const upstream = await fetch(new URL(request.url ?? '', broker), {
        method: request.method ?? 'GET',
        headers: { authorization, ...(isPost ? { 'content-type': 'application/json' } : {}) },
        ...(isPost ? { body: JSON.stringify(await json(request)) } : {}),
      });
      response.writeHead(upstream.status, Object.fromEntries(upstream.headers));
      response.end(await upstream.text());
    })().catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    respondWith: (...next) => {
      responses.push(...next);
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      gate = promise as Promise<unknown> as Promise<void>;
      return () => {
        resolve(undefined);
      };
    },
    clear: () => {
      calls.length = 0;
      responses.length = 0;
      gate = Promise.resolve();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A refusal as the broker writes it. */
export function scriptedProblem(code: string, status: number, retryAfter: number): Scripted {
  const type = `urn:token-broker:problem:${code}`;
  const body = {
    type,
    status,
    title: code,
    code,
    detail: 'Scripted.',
    request_id: 'r',
    retry_after: retryAfter,
  };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': String(retryAfter) },
    body: JSON.stringify(body),
  };
}
