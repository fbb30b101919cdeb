import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxy {
  readonly port: number;
  /** New connections go there; those that are there stay where they are. */
  lead(port: number): void;
  /** Ends the connections that are there, and refuses others until `lead`. */
  cut(): void;
  /** Ends the connection that first is to send this to the server, before it does. @param text null: none @returns when it has */
  cutBefore(text: string | null): Promise<void>;
  /** Ends the connection whose transaction holds this statement once the server has committed it, before its client knows. */
  loseCommitOf(statement: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * What stands before a database and moves with a failover, without ending the connections it has.
 * @param delayMs before it opens a connection, as a server that is far or busy
 */
export async function startTcpProxy(firstPort: number, delayMs = 0): Promise<TcpProxy> {
  let target: number | null = firstPort;
  let forbidden: { readonly text: string; readonly found: () => void } | null = null;
  let lost: { readonly text: string; readonly done: () => void } | null = null;
  const sockets = new Set<Socket>();
  const pass = (inbound: Socket) => {
    if (target === null) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target, '127.0.0.1');
    let uncommitted: typeof lost = null;
    const watched = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (lost && chunk.includes(lost.text)) {
          uncommitted = lost;
          lost = null;
        }
        if (uncommitted && chunk.includes('COMMIT')) {
          const { done: found } = uncommitted;
          outbound.unpipe(inbound).resume();
          outbound.once('data', () => {
            inbound.destroy();
            found();
          });
        }
        if (!forbidden || !chunk.includes(forbidden.text)) {
          done(null, chunk);
          return;
        }
        forbidden.found();
        forbidden = null;
        inbound.destroy();
      },
    });
    inbound.pipe(watched).pipe(outbound);
    outbound.pipe(inbound);
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  };
  const server = createServer((inbound) => {
    inbound.on('error', () => inbound.destroy());
    if (delayMs > 0) setTimeout(pass, delayMs, inbound);
    else pass(inbound);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lead: (port) => (target = port),
    cut: () => {
      target = null;
      for (const socket of sockets) socket.destroy();
    },
    cutBefore: (text) =>
      new Promise((resolve) => {
        forbidden = text === null ? null : { text, found: resolve };
      }),
    loseCommitOf: (text) =>
      new Promise((resolve) => {
        lost = { text, done: resolve };
      }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
