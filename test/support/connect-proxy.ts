/** A proxy as companies have one: it opens tunnels (RFC 9110 section 9.3.6), forwards plain http, and records the targets. */
import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export class ConnectProxy {
  /** What was asked of it, such as `CONNECT oauth2.googleapis.com:443`. */
  readonly asked: string[] = [];
  readonly credentials: (string | undefined)[] = [];
  /** Answers every CONNECT with this status instead. */
  refusal: number | null = null;
  /** Lets clients that ask for a tunnel wait for a response. */
  isUnresponsive = false;
  /** Connections that wait so. */
  waiting = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => {
    this.asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const { pathname } = new URL(request.url ?? '');
    const { method, headers } = request;
    const onward = ask(
      { port: this.ports.http, host: '127.0.0.1', path: pathname, method, headers },
      (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        upstream.pipe(response);
      },
    );
    request.pipe(onward);
  });

  /** @param ports of this machine, to which every tunnel and every plain request leads, whatever host was named */
  private constructor(readonly ports: { readonly tls: number; readonly http: number }) {}

  static async start(ports: { readonly tls: number; readonly http: number }): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(ports);
    proxy.#server.on('connect', (request, client: Socket) => {
      proxy.asked.push(`CONNECT ${request.url ?? ''}`);
      proxy.credentials.push(request.headers['proxy-authorization']);
      if (proxy.isUnresponsive) {
        proxy.waiting++;
        proxy.#sockets.add(client);
        client.on('error', () => undefined);
        client.on('close', () => proxy.waiting--);
        // Unread, its end would not be noticed; and a server of HTTP leaves its own half open.
        client.resume().on('end', () => client.destroy());
        return;
      }
      if (proxy.refusal !== null) {
        client.end(`HTTP/1.1 ${proxy.refusal} No\r\n\r\n`);
        return;
      }
      const onward = connect(ports.tls, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(client);
        client.pipe(onward);
      });
      for (const socket of [client, onward]) {
        proxy.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
