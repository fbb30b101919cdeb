/**
 * A server that answers as none should: bodies without end, bodies that grow a thousandfold when decoded, bodies that
 * come byte by byte. What is not set to be hostile it passes on to the server behind it.
 */
import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';

/** Decoded: 256 MB of zeros. */
const BOMB_BYTES = 256 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const zeros = Buffer.alloc(BOMB_BYTES);
const gzipped = gzipSync(zeros);
const BOMBS = {
  gzip: gzipped,
  'gzip, gzip': gzipSync(gzipped),
  deflate: deflateSync(zeros),
  br: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
};

export const HOSTILITIES = ['gzip', 'gzip, gzip', 'deflate', 'br', 'endless', 'trickle'] as const;
export type Hostility = (typeof HOSTILITIES)[number];

export class HostileServer {
  /** By the beginning of the path. */
  readonly hostile = new Map<string, Hostility>();
  status = 200;
  /** Bytes that were taken of endless bodies. */
  sent = 0;
  /** Connections that the other side gave up. */
  closed = 0;
  readonly #server = createServer((request, response) => {
    const [, kind] = [...this.hostile].find(([path]) => request.url?.startsWith(path)) ?? [];
    if (kind === undefined) void this.#passOn(request, response);
    else this.#attack(kind, request, response);
  });

  private constructor(private readonly behind: string) {}

  static async start(behind: string): Promise<HostileServer> {
    const server = new HostileServer(behind);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #attack(kind: Hostility, request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    response.on('close', () => {
      if (!response.writableFinished) this.closed++;
    });
    const type = { 'content-type': 'application/json' };
    if (kind === 'endless') {
      response.writeHead(this.status, type);
      const write = () => {
        while (!response.destroyed) {
          this.sent += CHUNK.length;
          if (!response.write(CHUNK)) break;
        }
      };
      response.on('drain', write);
      write();
      return;
    }
    if (kind === 'trickle') {
      response.writeHead(this.status, type);
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(timer);
      });
      return;
    }
    response.writeHead(this.status, { ...type, 'content-encoding': kind });
    response.end(BOMBS[kind]);
  }

  async #passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers, url = '' } = request;
    const onward = ask(new URL(url, this.behind), { method, headers: { ...headers, connection: 'close' } });
    request.pipe(onward);
    const [upstream] = (await once(onward, 'response')) as [IncomingMessage];
    response.writeHead(upstream.statusCode ?? 502, upstream.headers);
    upstream.pipe(response);
  }
}
